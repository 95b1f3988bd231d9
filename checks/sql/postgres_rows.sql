-- Exact up to the limit: whether there is a row matters more than how many.
SELECT count(*) FROM (SELECT FROM {table} LIMIT {limit}) AS counted
