SELECT id, name, script, coalesce(args->>'envGate', '') AS gate
FROM {schema}."background_migrations" WHERE finished_at IS NULL AND failed_at IS NULL ORDER BY name
