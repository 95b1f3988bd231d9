SELECT (SELECT count() FROM traces WHERE timestamp > now() - INTERVAL 3 MINUTE)
    + (SELECT count() FROM observations WHERE start_time > now() - INTERVAL 3 MINUTE) AS recent
