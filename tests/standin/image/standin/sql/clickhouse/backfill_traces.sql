INSERT INTO events_full (
    project_id, trace_id, span_id, parent_span_id, start_time, name, type, environment, version, release, trace_name, user_id,
    session_id, tags, level, input, output, metadata_names, metadata_values, event_ts
)
SELECT
    t.project_id, t.id, concat('t-', t.id), '', t.timestamp, t.name, 'SPAN', t.environment, ifNull(t.version, ''),
    ifNull(t.release, ''), t.name, ifNull(t.user_id, ''), ifNull(t.session_id, ''), t.tags, 'DEFAULT', ifNull(t.input, ''),
    ifNull(t.output, ''), mapKeys(t.metadata), mapValues(t.metadata), t.event_ts
FROM traces AS t FINAL
WHERE (t.project_id, t.id) NOT IN (SELECT project_id, trace_id FROM events_full WHERE parent_span_id = '')
