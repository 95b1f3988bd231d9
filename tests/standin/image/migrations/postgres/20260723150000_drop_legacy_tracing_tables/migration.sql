DELETE FROM "background_migrations" WHERE "script" IN ('migrateTracesFromPostgresToClickhouse', 'migrateScoresFromPostgresToClickhouse');
DROP TABLE IF EXISTS "scores";
DROP TABLE IF EXISTS "observations";
DROP TABLE IF EXISTS "traces";
DROP TYPE IF EXISTS "ObservationType";
DROP TYPE IF EXISTS "ObservationLevel";
DROP TYPE IF EXISTS "ScoreSource";
