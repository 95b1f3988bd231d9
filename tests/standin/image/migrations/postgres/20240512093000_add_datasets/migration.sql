CREATE TABLE "datasets" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "datasets_pkey" PRIMARY KEY ("id", "project_id")
);

CREATE TABLE "dataset_items" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "dataset_id" TEXT NOT NULL,
    "input" JSONB,
    "expected_output" JSONB,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "dataset_items_pkey" PRIMARY KEY ("id", "project_id")
);

CREATE TABLE "dataset_item_events" (
    "id" TEXT NOT NULL,
    "dataset_item_id" TEXT NOT NULL,
    CONSTRAINT "dataset_item_events_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "dataset_run_items" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "dataset_item_id" TEXT NOT NULL,
    "trace_id" TEXT NOT NULL,
    CONSTRAINT "dataset_run_items_pkey" PRIMARY KEY ("id", "project_id")
);
