CREATE TABLE t (id String) ENGINE = MergeTree ORDER BY id TTL d + INTERVAL 1 DAY DELETE
CREATE TABLE IF NOT EXISTS t ON CLUSTER default (id String) ENGINE = ReplicatedReplacingMergeTree ORDER BY id
CREATE TABLE langfuse.t (id String) ENGINE = Null
CREATE VIEW v AS SELECT id FROM traces FINAL
CREATE MATERIALIZED VIEW v TO old AS SELECT id FROM traces
ALTER TABLE traces ADD COLUMN IF NOT EXISTS user_id Nullable(String) AFTER id, ADD COLUMN more String
ALTER TABLE traces ON CLUSTER default ADD COLUMN user_id String
ALTER TABLE traces ADD INDEX i name TYPE bloom_filter(0.01) GRANULARITY 1
ALTER TABLE traces ADD PROJECTION p (SELECT id ORDER BY name)
ALTER TABLE traces MATERIALIZE INDEX i
ALTER TABLE traces COMMENT COLUMN name 'of the trace'
SET allow_experimental_full_text_index = 1
ALTER TABLE traces MODIFY SETTING enable_block_number_column = 1, enable_block_offset_column = 1
ALTER TABLE traces ADD INDEX i name TYPE minmax GRANULARITY 1 SETTINGS alter_sync = 2
ALTER TABLE traces ADD COLUMN x Map(String, String) DEFAULT map() AFTER id SETTINGS enable_full_text_index = 1, mutations_sync = 2
CREATE TABLE t (d Map(String, UInt8), n UInt8 MATERIALIZED length(mapFilter(x -> x.1 != '', d)), INDEX i n TYPE text(tokenizer = splitByNonAlpha)) ENGINE = MergeTree ORDER BY n SETTINGS index_granularity_bytes = '64Mi'
CREATE TABLE t (id String) ENGINE = MergeTree ORDER BY id; CREATE MATERIALIZED VIEW v TO t AS SELECT id FROM traces; ALTER TABLE v MODIFY QUERY SELECT id, arrayMap(x -> left(x, 9), [name]) AS names FROM traces SETTINGS enable_full_text_index = 1
ALTER TABLE traces ADD COLUMN `größe` UInt8, ADD COLUMN engine String, ADD COLUMN `update` String, ADD COLUMN refresh String
CREATE TABLE t (engine String, copy String, call String, update String, execute String, refresh String) ENGINE = MergeTree ORDER BY engine PARTITION BY toYYYYMM(now())
ALTER TABLE traces ADD COLUMN x String -- adds a column; nothing else; not a thing
ALTER TABLE traces ADD COLUMN x String /* a; b */
ALTER TABLE traces ADD COLUMN x String COMMENT 'a; b'
ALTER TABLE traces MODIFY COLUMN name Nullable(String)
ALTER TABLE traces MODIFY COLUMN name CODEC(ZSTD(3)), MODIFY COLUMN name COMMENT 'of the trace', MODIFY COLUMN name DEFAULT 'x'
ALTER TABLE traces MODIFY COLUMN name LowCardinality(Nullable(String)) DEFAULT 'TTL' COMMENT 'REMOVE'
ALTER TABLE traces MODIFY COLUMN value UInt32
SELECT 1 FROM traces
WITH 1 AS x SELECT x
