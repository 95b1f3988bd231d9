DELETE FROM "background_migrations" WHERE "script" = 'migrateDatasetRunItemsFromPostgresToClickhouse';
DROP TABLE IF EXISTS "dataset_run_items";
