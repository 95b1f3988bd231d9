ALTER TABLE scores ADD COLUMN IF NOT EXISTS session_id Nullable(String) AFTER trace_id;
ALTER TABLE scores ADD COLUMN IF NOT EXISTS metadata Map(LowCardinality(String), String) AFTER comment;
