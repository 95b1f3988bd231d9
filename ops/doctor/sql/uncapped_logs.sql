SELECT name FROM system.tables
WHERE database = 'system' AND match(name, '_log(_[0-9]+)?$') AND engine LIKE '%MergeTree' AND create_table_query NOT LIKE '% TTL %'
ORDER BY name
