ALTER TABLE traces DROP INDEX IF EXISTS idx_session_id;
