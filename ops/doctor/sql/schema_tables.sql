SELECT count(*), count(*) FILTER (WHERE tablename = '_prisma_migrations') FROM pg_tables WHERE schemaname = %(schema)s
