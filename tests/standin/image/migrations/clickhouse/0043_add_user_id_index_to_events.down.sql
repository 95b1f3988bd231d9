ALTER TABLE events_full DROP INDEX IF EXISTS idx_user_id;
ALTER TABLE events_core DROP INDEX IF EXISTS idx_user_id;
