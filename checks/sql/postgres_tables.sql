-- Every table and view of Langfuse's schema, with its columns; foreign tables count as tables.
SELECT c.relname, c.relkind IN ('r', 'p', 'm', 'f') AS stores_rows,
       array(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'm', 'f', 'v')
ORDER BY c.relname
