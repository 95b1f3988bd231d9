DROP VIEW IF EXISTS traces_all_amt_mv_v2;
DROP VIEW IF EXISTS traces_7d_amt_mv_v2;
DROP VIEW IF EXISTS traces_30d_amt_mv_v2;
