SELECT arrayStringConcat(groupArray(name), ' and '), 100 * (1 - free_space / total_space) AS used, formatReadableSize(total_space)
FROM (SELECT * FROM system.disks ORDER BY name)
WHERE total_space > 0 AND total_space < pow(2, 62)
GROUP BY total_space, free_space ORDER BY used DESC
