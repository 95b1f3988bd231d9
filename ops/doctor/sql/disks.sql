SELECT name, 100 * (1 - free_space / total_space) AS used, formatReadableSize(total_space)
FROM system.disks WHERE total_space > 0 AND total_space < pow(2, 62) ORDER BY used DESC
