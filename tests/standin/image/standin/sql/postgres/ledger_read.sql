SELECT migration_name, finished_at IS NOT NULL AS finished, started_at
FROM {schema}."_prisma_migrations"
WHERE rolled_back_at IS NULL
ORDER BY started_at
