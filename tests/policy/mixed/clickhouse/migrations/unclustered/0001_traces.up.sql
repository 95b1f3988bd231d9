CREATE TABLE traces (id String, name String, ts DateTime) ENGINE = ReplacingMergeTree ORDER BY id;
