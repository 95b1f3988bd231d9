CREATE TABLE dataset_run_items
(
    id String,
    project_id String,
    trace_id String,
    dataset_id String,
    dataset_item_id String,
    created_at DateTime64(3) DEFAULT now(),
    event_ts DateTime64(3),
    is_deleted UInt8
) ENGINE = ReplacingMergeTree(event_ts, is_deleted)
ORDER BY (project_id, dataset_id, id);
