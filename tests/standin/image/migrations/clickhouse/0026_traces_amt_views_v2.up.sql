CREATE MATERIALIZED VIEW IF NOT EXISTS traces_all_amt_mv_v2 TO traces_all_amt AS
SELECT project_id, id, min(start_time) AS start_time FROM traces_null GROUP BY project_id, id;

CREATE MATERIALIZED VIEW IF NOT EXISTS traces_7d_amt_mv_v2 TO traces_7d_amt AS
SELECT project_id, id, min(start_time) AS start_time FROM traces_null GROUP BY project_id, id;

CREATE MATERIALIZED VIEW IF NOT EXISTS traces_30d_amt_mv_v2 TO traces_30d_amt AS
SELECT project_id, id, min(start_time) AS start_time FROM traces_null GROUP BY project_id, id;
