INSERT INTO blob_storage_file_log
SELECT * REPLACE (now64(3) AS updated_at, now64(3) AS event_ts, 1 AS is_deleted)
FROM blob_storage_file_log FINAL
WHERE project_id = {project_id:String} AND bucket_path IN {paths:Array(String)}
