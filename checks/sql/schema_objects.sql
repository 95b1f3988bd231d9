-- Every object of every schema that is not ours and not the server's, with the identity that a drop,
-- a re-creation, a truncation or a change of definition would alter.
SELECT n.nspname AS schema, c.relkind::text || ' ' || c.relname AS object,
       md5(concat_ws('|', c.oid, c.relfilenode, c.relacl::text, c.relrowsecurity,
           (SELECT string_agg(concat_ws(',', a.attnum, a.attname, a.atttypid::regtype, a.attnotnull, a.attisdropped,
                                        pg_get_expr(d.adbin, d.adrelid)), ';' ORDER BY a.attnum)
            FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = c.oid AND a.attnum > 0),
           (SELECT string_agg(con.conname || pg_get_constraintdef(con.oid), ';' ORDER BY con.conname)
            FROM pg_constraint con WHERE con.conrelid = c.oid),
           (SELECT string_agg(t.tgname || pg_get_triggerdef(t.oid), ';' ORDER BY t.tgname)
            FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal))) AS fingerprint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname <> %(own)s AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%%'
UNION ALL
SELECT n.nspname, 'function ' || p.oid::regprocedure, md5(concat_ws('|', p.oid, p.prosrc, p.proacl::text))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname <> %(own)s AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%%'
UNION ALL
SELECT n.nspname, 'schema', md5(concat_ws('|', n.oid, n.nspowner, n.nspacl::text))
FROM pg_namespace n
WHERE n.nspname <> %(own)s AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%%'
ORDER BY 1, 2
