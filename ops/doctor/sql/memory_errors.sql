SELECT value, last_error_time, last_error_message FROM system.errors
WHERE name = 'MEMORY_LIMIT_EXCEEDED' AND last_error_time > now() - {seconds:Float64}
