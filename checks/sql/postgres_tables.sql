-- Every table and view of Langfuse's schema, with its columns and their types; foreign tables count as tables.
SELECT c.relname, c.relkind IN ('r', 'p', 'm', 'f') AS stores_rows,
       (SELECT coalesce(json_object_agg(a.attname, t.typname || coalesce(
                   substring(pg_catalog.format_type(a.atttypid, a.atttypmod) FROM '\([0-9,]+\)'), '')), '{}')
          FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'm', 'f', 'v')
ORDER BY c.relname
