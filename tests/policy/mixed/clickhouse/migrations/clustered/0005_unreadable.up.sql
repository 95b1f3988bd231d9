ALTER TABLE traces ON CLUSTER default /* /* */ ADD COLUMN x String; */ DROP COLUMN name;
