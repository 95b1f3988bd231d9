SELECT
    id, trace_id, project_id, environment, type, parent_observation_id, start_time, end_time, name, metadata, level, status_message,
    version, input, output, provided_model_name, model_parameters, usage_details, cost_details, completion_start_time,
    created_at, updated_at
FROM observations FINAL
WHERE project_id = {project_id:String} AND id = {id:String}
