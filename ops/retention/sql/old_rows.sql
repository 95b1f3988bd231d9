SELECT old.month, sum(old.rows), toUInt64(round(sum(old.rows / whole.rows * whole.size))), min(old.of_partition = whole.rows)
FROM (
    SELECT formatDateTime({time:Identifier}, '%Y-%m', 'UTC') AS month, _partition_id AS partition_id, count() AS rows,
           sum(rows) OVER (PARTITION BY partition_id) AS of_partition
    FROM {database:Identifier}.{table:Identifier}
    WHERE {time:Identifier} < toDateTime64({cutoff:String}, 6, 'UTC')
    GROUP BY month, partition_id
) AS old
JOIN (
    SELECT partition_id, sum(rows) AS rows, sum(bytes_on_disk) AS size FROM system.parts
    WHERE active AND database = {database:String} AND table = {table:String}
    GROUP BY partition_id
) AS whole ON whole.partition_id = old.partition_id
GROUP BY old.month ORDER BY old.month
