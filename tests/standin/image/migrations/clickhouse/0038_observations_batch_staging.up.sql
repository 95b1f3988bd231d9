CREATE TABLE IF NOT EXISTS observations_batch_staging
(
    id String,
    trace_id String,
    project_id String,
    s3_first_seen_timestamp DateTime64(3)
)
ENGINE = ReplacingMergeTree
PARTITION BY toStartOfInterval(s3_first_seen_timestamp, INTERVAL 3 MINUTE)
ORDER BY (project_id, trace_id, id)
TTL toDateTime(s3_first_seen_timestamp) + INTERVAL 12 HOUR;
