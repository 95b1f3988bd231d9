CREATE MATERIALIZED VIEW IF NOT EXISTS events_core_mv TO events_core AS
SELECT
    project_id, trace_id, span_id, parent_span_id, start_time, end_time, name, type, environment, version, release,
    trace_name, user_id, session_id, tags, level, status_message, provided_model_name, usage_details, cost_details,
    created_at, updated_at, event_ts, is_deleted
FROM events_full;
