-- How many tables of LiteLLM's a schema has, and whether anything in it was migrated by Prisma.
SELECT count(*) FILTER (WHERE tablename LIKE %(own)s) AS tables,
       count(*) FILTER (WHERE tablename = '_prisma_migrations') > 0 AS migrated
FROM pg_tables WHERE schemaname = %(schema)s
