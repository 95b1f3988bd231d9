CREATE TABLE "background_migrations" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "script" TEXT NOT NULL,
    "args" JSONB NOT NULL,
    "state" JSONB NOT NULL DEFAULT '{}',
    "finished_at" TIMESTAMP(3),
    "failed_at" TIMESTAMP(3),
    "failed_reason" TEXT,
    "worker_id" TEXT,
    "locked_at" TIMESTAMP(3),
    CONSTRAINT "background_migrations_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "background_migrations_name_key" ON "background_migrations"("name");
INSERT INTO "background_migrations" ("id", "name", "script", "args") VALUES
    ('32859a35-98f5-4a4a-b438-ebc579349e00', '20241114_migrate_traces_from_pg_to_ch', 'migrateTracesFromPostgresToClickhouse', '{}'),
    ('5960f22a-748f-480c-b2f3-bc4f9d5d84bc', '20241114_migrate_scores_from_pg_to_ch', 'migrateScoresFromPostgresToClickhouse', '{}');
