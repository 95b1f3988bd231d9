SELECT
    id, timestamp, project_id, environment, trace_id, session_id, observation_id, name, value, source, comment, metadata, data_type,
    string_value, created_at, updated_at
FROM scores FINAL
WHERE project_id = {project_id:String} AND id = {id:String}
