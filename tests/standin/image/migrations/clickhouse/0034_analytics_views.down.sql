DROP VIEW IF EXISTS analytics_traces;
DROP VIEW IF EXISTS analytics_observations;
DROP VIEW IF EXISTS analytics_scores;
