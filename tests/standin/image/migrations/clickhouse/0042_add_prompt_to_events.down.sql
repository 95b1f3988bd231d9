ALTER TABLE events_full DROP COLUMN IF EXISTS prompt_name;
ALTER TABLE events_core DROP COLUMN IF EXISTS prompt_name;
