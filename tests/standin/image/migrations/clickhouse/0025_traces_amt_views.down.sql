DROP VIEW IF EXISTS traces_all_amt_mv;
DROP VIEW IF EXISTS traces_7d_amt_mv;
DROP VIEW IF EXISTS traces_30d_amt_mv;
