UPDATE {schema}._prisma_migrations SET rolled_back_at = now() WHERE migration_name = '{name}' AND finished_at IS NULL
