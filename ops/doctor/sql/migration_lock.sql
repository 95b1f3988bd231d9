SELECT a.pid, a.usename, l.granted, extract(epoch FROM now() - a.state_change)::float
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = 72707369
ORDER BY l.granted DESC
