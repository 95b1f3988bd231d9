ALTER TABLE traces ON CLUSTER default ADD COLUMN IF NOT EXISTS user_id String AFTER name;
