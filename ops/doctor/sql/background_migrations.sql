SELECT name, failed_at IS NOT NULL, finished_at IS NOT NULL, coalesce(failed_reason, ''),
       coalesce(extract(epoch FROM (now() AT TIME ZONE 'UTC') - locked_at), 0)::float,
       coalesce(args ->> 'envGate', '')
FROM {schema}.background_migrations ORDER BY name
