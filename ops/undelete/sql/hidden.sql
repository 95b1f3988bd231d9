-- Raw events that are marked as deleted although the rows that were made of them are still there.
WITH hidden AS (
    SELECT project_id, entity_type, entity_id, event_id,
           argMax(bucket_name, event_ts) AS bucket, argMax(bucket_path, event_ts) AS key
    FROM blob_storage_file_log
    GROUP BY project_id, entity_type, entity_id, event_id
    HAVING argMax(is_deleted, event_ts) = 1
)
SELECT project_id, entity_type, entity_id, bucket, key FROM hidden
WHERE (entity_type = 'trace'
       AND (project_id, entity_id) IN (SELECT project_id, id FROM traces FINAL WHERE id IN (SELECT entity_id FROM hidden)))
   OR (entity_type = 'observation'
       AND (project_id, entity_id) IN (SELECT project_id, id FROM observations FINAL WHERE id IN (SELECT entity_id FROM hidden)))
   OR (entity_type = 'score'
       AND (project_id, entity_id) IN (SELECT project_id, id FROM scores FINAL WHERE id IN (SELECT entity_id FROM hidden)))
