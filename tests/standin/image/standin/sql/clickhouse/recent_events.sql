SELECT count() AS recent FROM events_core WHERE start_time > now() - INTERVAL 3 MINUTE
