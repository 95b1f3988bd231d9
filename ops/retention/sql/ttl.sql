ALTER TABLE $database.$table MODIFY TTL toDateTime($time) + INTERVAL $days DAY DELETE
