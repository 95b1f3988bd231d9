SELECT database, formatReadableSize(sum(bytes_on_disk)) FROM system.parts GROUP BY database ORDER BY sum(bytes_on_disk) DESC
