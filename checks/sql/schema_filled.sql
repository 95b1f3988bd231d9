-- Tables of every schema that is not ours and not the server's, as their statistics last saw rows in them: what TRUNCATE
-- resets at once, and a vacuum after a DELETE. Reads and locks no table.
SELECT format('%%I.%%I', n.nspname, c.relname) AS name, c.reltuples > 0 AS filled
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND NOT c.relispartition
  AND n.nspname NOT IN (%(own)s, 'langfuse_guard', 'information_schema') AND n.nspname NOT LIKE 'pg\_%%'
