-- Columns that a release does not have yet read as absent.
SELECT id, (to_jsonb(project) ->> 'retention_days')::int
FROM {schema}.projects AS project
WHERE to_jsonb(project) ->> 'deleted_at' IS NULL
ORDER BY id
