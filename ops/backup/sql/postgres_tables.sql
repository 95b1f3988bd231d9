SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = %s ORDER BY tablename
