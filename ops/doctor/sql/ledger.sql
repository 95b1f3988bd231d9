SELECT version, dirty FROM {database:Identifier}.schema_migrations ORDER BY sequence DESC LIMIT 1
