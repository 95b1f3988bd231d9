DROP VIEW IF EXISTS events_core_mv;
