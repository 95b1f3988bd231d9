ALTER TABLE {database}.langfuse_must_not DELETE WHERE 1
ALTER TABLE {database}.langfuse_must_not DROP PARTITION tuple()
DELETE FROM {database}.langfuse_must_not WHERE 1
