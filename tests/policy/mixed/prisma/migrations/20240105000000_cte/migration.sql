WITH gone AS (DELETE FROM "models" RETURNING "id") SELECT count(*) FROM gone;
