ALTER TABLE blob_storage_file_log DROP INDEX IF EXISTS idx_created_at;
