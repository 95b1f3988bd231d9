INSERT INTO schema_migrations (version, dirty, sequence) VALUES
