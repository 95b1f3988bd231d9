INSERT INTO blob_storage_file_log
SELECT * REPLACE (now64(3) AS updated_at, now64(3) AS event_ts, 0 AS is_deleted)
FROM blob_storage_file_log
WHERE (bucket_name, bucket_path) IN {objects:Array(Tuple(String, String))}
ORDER BY event_ts DESC
LIMIT 1 BY project_id, entity_type, entity_id, event_id
