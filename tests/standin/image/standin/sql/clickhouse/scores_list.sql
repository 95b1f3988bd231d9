SELECT
    id, timestamp, project_id, environment, trace_id, session_id, observation_id, name, value, source, comment, metadata, data_type,
    string_value, created_at, updated_at,
    count() OVER () AS total_items
FROM scores FINAL
WHERE project_id = {project_id:String}
    AND ({trace_id:String} = '' OR trace_id = {trace_id:String})
    AND ({name:String} = '' OR name = {name:String})
ORDER BY timestamp DESC
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
