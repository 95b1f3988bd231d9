ALTER TABLE events_full ADD COLUMN IF NOT EXISTS prompt_name String AFTER cost_details;
ALTER TABLE events_core ADD COLUMN IF NOT EXISTS prompt_name String AFTER cost_details;
ALTER TABLE events_core_mv MODIFY QUERY
SELECT
    project_id, trace_id, span_id, parent_span_id, start_time, end_time, name, type, environment, version, release,
    trace_name, user_id, session_id, tags, level, status_message, provided_model_name, usage_details, cost_details, prompt_name,
    created_at, updated_at, event_ts, is_deleted
FROM events_full;
