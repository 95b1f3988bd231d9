SELECT count(*) FILTER (WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL),
       string_agg(migration_name, ', ') FILTER (WHERE finished_at IS NULL AND rolled_back_at IS NULL)
FROM {schema}._prisma_migrations
