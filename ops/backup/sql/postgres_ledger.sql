SELECT count(*) FROM {table} WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL
