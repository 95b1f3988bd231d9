SELECT (SELECT value FROM system.metrics WHERE metric = 'MemoryTracking'),
       (SELECT toUInt64(value) FROM system.server_settings WHERE name = 'max_server_memory_usage'),
       (SELECT value FROM system.asynchronous_metrics WHERE metric = 'OSMemoryTotal'),
       (SELECT value FROM system.asynchronous_metrics WHERE metric = 'OSMemoryAvailable')
