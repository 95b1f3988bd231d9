ALTER TABLE traces ADD COLUMN IF NOT EXISTS environment LowCardinality(String) DEFAULT 'default' AFTER project_id;
ALTER TABLE observations ADD COLUMN IF NOT EXISTS environment LowCardinality(String) DEFAULT 'default' AFTER project_id;
ALTER TABLE scores ADD COLUMN IF NOT EXISTS environment LowCardinality(String) DEFAULT 'default' AFTER project_id;
