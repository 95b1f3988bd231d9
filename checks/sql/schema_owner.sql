-- Whose schema it is and which keys its data was written with, by its mark, and whether there is anything in it; no row
-- for a schema that is not there.
SELECT substring(obj_description(n.oid, 'pg_namespace') FROM '\mowner:([0-9a-f]{16})') AS owner,
       substring(obj_description(n.oid, 'pg_namespace') FROM '\mkeys:([0-9a-f]{32})') AS keys,
       EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')) AS holds_tables
FROM pg_namespace n WHERE n.nspname = %(schema)s
