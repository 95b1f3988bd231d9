-- CreateTable
CREATE TABLE "models" ("id" TEXT NOT NULL, "name" TEXT, CONSTRAINT "models_pkey" PRIMARY KEY ("id"));
