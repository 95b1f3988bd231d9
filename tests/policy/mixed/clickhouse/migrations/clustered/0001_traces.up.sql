CREATE TABLE traces ON CLUSTER default (id String, name String, ts DateTime) ENGINE = ReplacingMergeTree ORDER BY id;
