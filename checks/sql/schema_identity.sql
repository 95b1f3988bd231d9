SELECT substring(obj_description(n.oid, 'pg_namespace') FROM '\mlangfuse-stack:([0-9a-f-]{36})') AS identity
FROM pg_namespace n WHERE n.nspname = %(schema)s
