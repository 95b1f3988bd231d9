SELECT toStartOfHour(created_at, 'UTC') AS hour, count(),
       countIf(created_at > now() - {minutes:UInt32} * 60), countIf(created_at > now() - 3600), today()
FROM {database:Identifier}.{table:Identifier}
WHERE created_at >= toDateTime(today() - {days:UInt32}, 'UTC') AND created_at < now() + 60
  AND {time:Identifier} > now() - INTERVAL 60 DAY
GROUP BY hour ORDER BY hour
