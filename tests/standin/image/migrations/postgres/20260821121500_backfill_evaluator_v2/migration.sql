BEGIN;
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;

CREATE TABLE "evaluators" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    CONSTRAINT "evaluators_pkey" PRIMARY KEY ("id")
);

CREATE TEMPORARY TABLE "evaluator_backfill" ON COMMIT DROP AS SELECT "id" AS "project_id" FROM "projects";
INSERT INTO "evaluators" ("id", "project_id", "name") SELECT 'default-' || "project_id", "project_id", 'default' FROM "evaluator_backfill";

COMMIT;
