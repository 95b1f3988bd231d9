CREATE TABLE t (id String) ENGINE = MergeTree ORDER BY id TTL d + INTERVAL 1 DAY DELETE
CREATE TABLE IF NOT EXISTS t ON CLUSTER default (id String) ENGINE = ReplicatedReplacingMergeTree ORDER BY id
CREATE TABLE langfuse.t (id String) ENGINE = Null
CREATE VIEW v AS SELECT id FROM traces FINAL
CREATE MATERIALIZED VIEW v TO old AS SELECT id FROM traces
ALTER TABLE traces ADD COLUMN IF NOT EXISTS user_id Nullable(String) AFTER id, ADD COLUMN more String
ALTER TABLE traces ON CLUSTER default ADD COLUMN user_id String
ALTER TABLE traces ADD INDEX i name TYPE bloom_filter(0.01) GRANULARITY 1
ALTER TABLE traces ADD PROJECTION p (SELECT id ORDER BY name)
ALTER TABLE traces ADD CONSTRAINT c CHECK id != ''
ALTER TABLE traces MATERIALIZE INDEX i
ALTER TABLE traces COMMENT COLUMN name 'of the trace'
ALTER TABLE summary MODIFY QUERY SELECT id, name FROM traces
SET allow_experimental_full_text_index = 1
