SELECT count(*) FILTER (WHERE finished_at IS NOT NULL),
       coalesce(max(migration_name) FILTER (WHERE finished_at IS NOT NULL), ''),
       coalesce(array_agg(migration_name::text ORDER BY migration_name) FILTER (WHERE finished_at IS NULL), '{{}}')
FROM {schema}._prisma_migrations WHERE rolled_back_at IS NULL
