DROP TABLE IF EXISTS observations_batch_staging;
