CREATE TABLE schema_migrations{on_cluster} (version Int64, dirty UInt8, sequence UInt64) ENGINE = {engine} ORDER BY sequence
