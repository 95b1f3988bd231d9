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
INSERT INTO "models" ("id", "model_name", "match_pattern", "unit")
VALUES ('echo-model', 'echo-1.5', '(?i)^echo-1\.5(-\d{4})?$', 'TOKENS'), ('path-model', 'path\', '^path\\$', 'TOKENS');
UPDATE "models" SET "match_pattern" = '(?i)^echo-1\.5(-\d{4})?(@latest)?$' WHERE "id" = 'echo-model';
