DROP TABLE IF EXISTS dataset_run_items;
