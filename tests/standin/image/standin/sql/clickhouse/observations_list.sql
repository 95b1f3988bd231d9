SELECT
    id, trace_id, project_id, environment, type, parent_observation_id, start_time, end_time, name, metadata, level, status_message,
    version, input, output, provided_model_name, model_parameters, usage_details, cost_details, completion_start_time,
    created_at, updated_at,
    count() OVER () AS total_items
FROM observations FINAL
WHERE project_id = {project_id:String}
    AND ({trace_id:String} = '' OR trace_id = {trace_id:String})
    AND ({name:String} = '' OR name = {name:String})
    AND ({type:String} = '' OR type = {type:String})
ORDER BY start_time DESC
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
