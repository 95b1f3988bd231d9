SELECT
    span_id AS id, trace_id, project_id, environment, type, nullIf(parent_span_id, '') AS parent_observation_id, start_time,
    end_time, name, mapFromArrays(metadata_names, metadata_values) AS metadata, level,
    nullIf(status_message, '') AS status_message, nullIf(version, '') AS version, nullIf(release, '') AS release,
    nullIf(trace_name, '') AS trace_name, nullIf(user_id, '') AS user_id, nullIf(session_id, '') AS session_id, tags,
    nullIf(input, '') AS input, nullIf(output, '') AS output, nullIf(provided_model_name, '') AS provided_model_name,
    nullIf(model_parameters, '') AS model_parameters, usage_details, cost_details, completion_start_time, created_at, updated_at
FROM events_full AS e FINAL
WHERE e.project_id = {project_id:String}
    AND ({trace_id:String} = '' OR e.trace_id = {trace_id:String})
    AND ({name:String} = '' OR e.name = {name:String})
    AND ({type:String} = '' OR e.type = {type:String})
    AND ({user_id:String} = '' OR e.user_id = {user_id:String})
    AND ({from_start_time:String} = '' OR e.start_time >= parseDateTime64BestEffortOrZero({from_start_time:String}, 6, 'UTC'))
ORDER BY e.start_time DESC
LIMIT {limit:UInt32}
