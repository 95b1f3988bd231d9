SELECT version, dirty FROM schema_migrations ORDER BY sequence DESC LIMIT 1
