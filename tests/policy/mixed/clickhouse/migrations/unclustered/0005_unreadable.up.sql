ALTER TABLE traces /* /* */ ADD COLUMN x String; */ DROP COLUMN name;
