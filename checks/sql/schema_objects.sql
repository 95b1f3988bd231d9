-- Every object of every schema that is not ours and not the server's, and what belongs to no schema, with its definition,
-- owner and grants. What the server numbers or stores anew when its owner reindexes or refreshes it is left out, and so
-- are partitions, which come and go by themselves: their tables stand for them.
WITH foreign_schema AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
    WHERE nspname NOT IN (%(own)s, 'langfuse_guard', 'information_schema') AND nspname NOT LIKE 'pg\_%%'
)
SELECT CASE c.relkind
           WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table'
           WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
           WHEN 'c' THEN 'composite type' ELSE 'index'
       END || format(' %%I.%%I', n.nspname, c.relname) AS object,
       md5(concat_ws('|', c.relowner::regrole, c.relacl::text, c.relrowsecurity, c.relforcerowsecurity,
           CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid)
                WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid)
                WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
           (SELECT string_agg(concat_ws(',', a.attnum, a.attname, a.atttypid::regtype, a.atttypmod, a.attnotnull,
                                        a.attisdropped, a.attacl::text, pg_get_expr(d.adbin, d.adrelid)),
                              ';' ORDER BY a.attnum)
            FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = c.oid AND a.attnum > 0),
           (SELECT string_agg(con.conname || pg_get_constraintdef(con.oid), ';' ORDER BY con.conname)
            FROM pg_constraint con WHERE con.conrelid = c.oid),
           (SELECT string_agg(concat_ws(',', t.tgname, t.tgenabled, pg_get_triggerdef(t.oid)), ';' ORDER BY t.tgname)
            FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
           (SELECT string_agg(concat_ws(',', p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[]::text,
                                        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
                              ';' ORDER BY p.polname)
            FROM pg_policy p WHERE p.polrelid = c.oid))) AS fingerprint
FROM pg_class c JOIN foreign_schema n ON n.oid = c.relnamespace
WHERE NOT c.relispartition
UNION ALL
SELECT format('function %%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
       md5(concat_ws('|', p.proowner::regrole, p.proacl::text,
           CASE WHEN p.prokind = 'a' THEN p.prosrc ELSE pg_get_functiondef(p.oid) END))
FROM pg_proc p JOIN foreign_schema n ON n.oid = p.pronamespace
UNION ALL
SELECT format('type %%I.%%I', n.nspname, t.typname),
       md5(concat_ws('|', t.typowner::regrole, t.typacl::text, t.typnotnull, t.typbasetype::regtype, t.typdefault,
           (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
           (SELECT string_agg(con.conname || pg_get_constraintdef(con.oid), ';' ORDER BY con.conname)
            FROM pg_constraint con WHERE con.contypid = t.oid)))
FROM pg_type t JOIN foreign_schema n ON n.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd', 'r')
UNION ALL
SELECT format('schema %%I', nspname), md5(concat_ws('|', nspowner::regrole, nspacl::text)) FROM foreign_schema
UNION ALL
SELECT format('extension %%I', extname), md5(concat_ws('|', extowner::regrole, extversion, extnamespace::regnamespace)) FROM pg_extension
UNION ALL
SELECT format('event trigger %%I', evtname),
       md5(concat_ws('|', evtowner::regrole, evtevent, evtfoid::regprocedure, evtenabled, evttags::text))
FROM pg_event_trigger t JOIN pg_proc p ON p.oid = evtfoid
WHERE p.pronamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname = 'langfuse_guard')
UNION ALL
SELECT format('default privileges of %%I%%s on %%s', pg_get_userbyid(d.defaclrole), ' in ' || n.nspname, d.defaclobjtype),
       md5(d.defaclacl::text)
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
WHERE n.nspname IS DISTINCT FROM %(own)s
UNION ALL
SELECT format('role %%I', r.rolname),
       md5(concat_ws('|', r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
           r.rolbypassrls, r.rolconnlimit, r.rolconfig::text,
           (SELECT string_agg(concat_ws(',', m.roleid::regrole, m.admin_option), ';' ORDER BY m.roleid)
            FROM pg_auth_members m WHERE m.member = r.oid)))
FROM pg_roles r WHERE r.rolname NOT LIKE 'pg\_%%'
ORDER BY 1
