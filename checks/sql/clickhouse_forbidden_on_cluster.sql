ALTER TABLE {database}.langfuse_must_not ON CLUSTER default DROP COLUMN id
ALTER TABLE {database}.langfuse_must_not ON CLUSTER default MODIFY TTL id
CREATE USER langfuse_must_not ON CLUSTER default
