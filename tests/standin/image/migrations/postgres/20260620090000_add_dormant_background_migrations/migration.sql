INSERT INTO "background_migrations" ("id", "name", "script", "args") VALUES
    ('7f1ba2c1-0d3c-4c8f-9d0e-5b3f0b5a1c01', '20260712_backfill_events_historic', 'backfillEventsHistoric',
     '{"envGate": "LANGFUSE_BACKGROUND_MIGRATION_V4_ENABLE_HISTORIC_BACKFILL"}'),
    ('7f1ba2c1-0d3c-4c8f-9d0e-5b3f0b5a1c02', '20260712_drop_scratch_tables', 'dropScratchTables',
     '{"envGate": "LANGFUSE_BACKGROUND_MIGRATION_V4_DROP_PID_TID_SORTING_TABLES"}');
