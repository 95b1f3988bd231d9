ALTER TABLE blob_storage_file_log ADD INDEX IF NOT EXISTS idx_created_at created_at TYPE minmax GRANULARITY 1;
