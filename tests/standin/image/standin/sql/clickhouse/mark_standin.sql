CREATE TABLE IF NOT EXISTS langfuse_standin{on_cluster} (note String) ENGINE = {engine} ORDER BY note
