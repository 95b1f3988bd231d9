CREATE INDEX CONCURRENTLY IF NOT EXISTS "traces_project_id_timestamp_idx" ON "traces"("project_id", "timestamp");
