SELECT formatReadableSize((SELECT toUInt64(value) FROM system.server_settings WHERE name = 'max_server_memory_usage')),
       formatReadableSize((SELECT value FROM system.asynchronous_metrics WHERE metric = 'OSMemoryTotal'))
