-- One table of each foreign schema that has any, for the attempt to read it.
SELECT DISTINCT ON (n.nspname) n.nspname AS schema, c.relname AS name
FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
WHERE n.nspname <> %(own)s AND n.nspname NOT IN ('information_schema', 'public') AND n.nspname NOT LIKE 'pg\_%%'
ORDER BY n.nspname, c.relname
