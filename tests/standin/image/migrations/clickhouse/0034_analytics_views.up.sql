CREATE VIEW IF NOT EXISTS analytics_traces AS
SELECT project_id, id, name, environment, timestamp FROM traces FINAL;

CREATE VIEW IF NOT EXISTS analytics_observations AS
SELECT project_id, id, trace_id, type, start_time FROM observations FINAL;

CREATE VIEW IF NOT EXISTS analytics_scores AS
SELECT project_id, id, name, value FROM scores FINAL;
