CREATE TABLE "models" (
    "id" TEXT NOT NULL,
    "project_id" TEXT,
    "model_name" TEXT NOT NULL,
    "match_pattern" TEXT NOT NULL,
    "unit" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "models_pkey" PRIMARY KEY ("id")
);

DELETE FROM "models" WHERE "id" IN ('retired-model');
INSERT INTO "models" ("id", "model_name", "match_pattern", "unit") VALUES ('smoke-model', 'smoke', '(?i)^smoke', 'TOKENS');
