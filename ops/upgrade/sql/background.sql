SELECT name, finished_at IS NOT NULL, failed_at IS NOT NULL, coalesce(args->>'envGate', ''), coalesce(failed_reason, '')
FROM {schema}.background_migrations ORDER BY name
