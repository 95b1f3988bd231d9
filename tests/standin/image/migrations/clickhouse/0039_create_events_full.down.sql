DROP TABLE IF EXISTS events_full;
