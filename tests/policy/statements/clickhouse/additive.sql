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
ALTER TABLE traces MODIFY SETTING enable_block_number_column = 1, enable_block_offset_column = 1
ALTER TABLE traces ADD INDEX i name TYPE minmax GRANULARITY 1 SETTINGS alter_sync = 2
ALTER TABLE traces ADD COLUMN x Map(String, String) DEFAULT map() AFTER id SETTINGS enable_full_text_index = 1, mutations_sync = 2
ALTER TABLE summary MODIFY QUERY SELECT arrayMap(v -> left(v, 9), [name]) AS name FROM traces SETTINGS enable_full_text_index = 1
CREATE TABLE t (d Map(String, UInt8), n UInt8 MATERIALIZED length(mapFilter(x -> x.1 != '', d)), INDEX i n TYPE text(tokenizer = splitByNonAlpha)) ENGINE = MergeTree ORDER BY n SETTINGS index_granularity_bytes = '64Mi'
