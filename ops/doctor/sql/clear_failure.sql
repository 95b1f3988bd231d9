UPDATE {schema}.background_migrations SET failed_at = NULL, failed_reason = NULL, locked_at = NULL WHERE name = '{name}'
