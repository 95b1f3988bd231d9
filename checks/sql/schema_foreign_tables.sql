-- One table of each foreign schema, if it has any, for the attempt to read it: one that the role has rights on before
-- all others. Tables of extensions are left out: reference data that everybody may read.
SELECT DISTINCT ON (n.nspname) n.nspname AS schema, c.relname AS name, rights.some_right
FROM pg_namespace n
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
CROSS JOIN LATERAL (
    SELECT has_schema_privilege(n.oid, 'USAGE')
           AND (has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                OR has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')) AS some_right
) AS rights
WHERE n.nspname <> %(own)s AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%%'
ORDER BY n.nspname, rights.some_right DESC NULLS LAST, c.relname
