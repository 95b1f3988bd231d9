DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM information_schema.tables WHERE table_name = '_prisma_migrations') THEN
        DELETE FROM _prisma_migrations WHERE migration_name LIKE ANY (ARRAY['20240606090858%', '20240530212419%', '20240604133340%', '20260203220622%']);
    END IF;
END
$$;
