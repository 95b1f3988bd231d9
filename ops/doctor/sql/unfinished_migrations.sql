SELECT migration_name, coalesce(logs, '') FROM {schema}._prisma_migrations
WHERE finished_at IS NULL AND rolled_back_at IS NULL ORDER BY started_at
