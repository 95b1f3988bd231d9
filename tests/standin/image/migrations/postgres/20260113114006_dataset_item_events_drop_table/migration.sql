DROP TABLE "dataset_item_events";
