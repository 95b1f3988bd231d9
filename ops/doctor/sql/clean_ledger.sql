INSERT INTO {database}.schema_migrations SELECT {version}, 0, toUnixTimestamp64Nano(now64(9))
