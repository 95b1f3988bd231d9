SELECT id, name, script FROM {schema}."background_migrations" WHERE finished_at IS NULL AND failed_at IS NULL ORDER BY name
