CREATE TABLE {schema}.langfuse_must_not (id int)
SELECT FROM {table} LIMIT 1
ALTER TABLE {table} ADD COLUMN langfuse_must_not int
TRUNCATE TABLE {table}
DROP TABLE {table}
