DROP VIEW IF EXISTS analytics_scores;
CREATE VIEW analytics_scores AS
SELECT project_id, id, name, value, session_id, timestamp FROM scores FINAL;
