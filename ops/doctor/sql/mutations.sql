SELECT table, command, dateDiff('second', create_time, now()), latest_fail_reason
FROM system.mutations WHERE database = {database:String} AND NOT is_done ORDER BY create_time
