DROP TABLE IF EXISTS events_core;
