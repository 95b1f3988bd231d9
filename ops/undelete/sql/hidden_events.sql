-- As `hidden.sql`, for rows that release 4 keeps in its own table.
WITH hidden AS (
    SELECT project_id, entity_type, entity_id, event_id,
           argMax(bucket_name, event_ts) AS bucket, argMax(bucket_path, event_ts) AS key
    FROM blob_storage_file_log
    GROUP BY project_id, entity_type, entity_id, event_id
    HAVING argMax(is_deleted, event_ts) = 1
)
SELECT project_id, entity_type, entity_id, bucket, key FROM hidden
WHERE (entity_type = 'trace'
       AND (project_id, entity_id) IN (SELECT project_id, trace_id FROM events_full FINAL WHERE trace_id IN (SELECT entity_id FROM hidden)))
   OR (entity_type = 'observation'
       AND (project_id, entity_id) IN (SELECT project_id, span_id FROM events_full FINAL WHERE span_id IN (SELECT entity_id FROM hidden)))
