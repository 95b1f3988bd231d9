-- Traces whose raw events the worker marked as deleted.
SELECT entity_id
FROM {database:Identifier}.blob_storage_file_log
WHERE project_id = {project:String} AND entity_type = 'trace' AND entity_id IN {ids:Array(String)}
GROUP BY entity_id
HAVING argMax(is_deleted, event_ts) = 1
