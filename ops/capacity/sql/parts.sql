SELECT table, sum(parts), max(parts), sum(rows), sum(size)
FROM (
    SELECT table, partition_id, count() AS parts, sum(rows) AS rows, sum(bytes_on_disk) AS size
    FROM system.parts WHERE active AND database = {database:String} GROUP BY table, partition_id
)
GROUP BY table ORDER BY max(parts) DESC, table
