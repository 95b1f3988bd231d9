SELECT name, total_space, free_space FROM system.disks
WHERE total_space > 0 AND total_space < pow(2, 62) ORDER BY name
