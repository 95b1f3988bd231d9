-- Traces that somebody deleted through Langfuse, whether the worker has done it yet or not.
SELECT DISTINCT object_id FROM {schema}.pending_deletions
WHERE project_id = %(project)s AND object = 'trace' AND object_id = ANY(%(ids)s)
