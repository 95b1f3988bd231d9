-- Run in an empty database; its output, wrapped, is `known.txt`. Functions of the server that by its own catalogue
-- change nothing in the database (immutable or stable, in every overload), then the server's operators.
SELECT p.proname
  FROM pg_catalog.pg_proc AS p
 WHERE p.pronamespace = 'pg_catalog'::regnamespace
 GROUP BY p.proname
HAVING bool_and(p.provolatile IN ('i', 's'))
   AND NOT bool_and('internal'::regtype = ANY (p.proargtypes) OR 'cstring'::regtype = ANY (p.proargtypes)
                    OR p.prorettype IN ('internal'::regtype, 'cstring'::regtype))
   AND p.proname NOT LIKE 'pg\_%'
 UNION ALL
SELECT DISTINCT o.oprname FROM pg_catalog.pg_operator AS o WHERE o.oprnamespace = 'pg_catalog'::regnamespace
 ORDER BY 1;
