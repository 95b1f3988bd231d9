ALTER TABLE {database}.langfuse_must_not DROP COLUMN id
ALTER TABLE {database}.langfuse_must_not CLEAR COLUMN id
ALTER TABLE {database}.langfuse_must_not RENAME COLUMN id TO other
ALTER TABLE {database}.langfuse_must_not MODIFY TTL id
OPTIMIZE TABLE {database}.langfuse_must_not FINAL
ALTER TABLE langfuse_must_not.langfuse_must_not ADD COLUMN id UInt64
ALTER TABLE langfuse_must_not.langfuse_must_not UPDATE id = 1 WHERE 1
TRUNCATE TABLE system.one
CREATE USER langfuse_admin
SYSTEM FLUSH LOGS
