INSERT INTO events_full (
    project_id, trace_id, span_id, parent_span_id, start_time, end_time, name, type, environment, version, release, trace_name,
    user_id, session_id, tags, level, status_message, provided_model_name, model_parameters, usage_details, cost_details,
    completion_start_time, input, output, metadata_names, metadata_values, event_ts
)
SELECT
    o.project_id, o.trace_id, o.id, ifNull(o.parent_observation_id, concat('t-', o.trace_id)), o.start_time, o.end_time, o.name,
    o.type, o.environment, ifNull(o.version, ''), ifNull(t.release, ''), t.name, ifNull(t.user_id, ''), ifNull(t.session_id, ''),
    t.tags, o.level, ifNull(o.status_message, ''), ifNull(o.provided_model_name, ''), ifNull(o.model_parameters, ''),
    o.usage_details, o.cost_details, o.completion_start_time, ifNull(o.input, ''), ifNull(o.output, ''), mapKeys(o.metadata),
    mapValues(o.metadata), o.event_ts
FROM observations AS o FINAL
LEFT JOIN (SELECT * FROM traces FINAL) AS t ON t.project_id = o.project_id AND t.id = o.trace_id
WHERE (o.project_id, o.id) NOT IN (SELECT project_id, span_id FROM events_full)
