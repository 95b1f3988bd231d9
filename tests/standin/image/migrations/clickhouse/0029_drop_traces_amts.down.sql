CREATE TABLE IF NOT EXISTS traces_null
(
    project_id String,
    id String,
    start_time DateTime64(3)
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS traces_all_amt
(
    project_id String,
    id String,
    start_time SimpleAggregateFunction(min, DateTime64(3))
)
ENGINE = AggregatingMergeTree
ORDER BY (project_id, id);

CREATE TABLE IF NOT EXISTS traces_7d_amt
(
    project_id String,
    id String,
    start_time SimpleAggregateFunction(min, DateTime64(3))
)
ENGINE = AggregatingMergeTree
ORDER BY (project_id, id);

CREATE TABLE IF NOT EXISTS traces_30d_amt
(
    project_id String,
    id String,
    start_time SimpleAggregateFunction(min, DateTime64(3))
)
ENGINE = AggregatingMergeTree
ORDER BY (project_id, id);
