INSERT INTO {schema}."organizations" (id, name) VALUES (%(id)s, %(name)s) ON CONFLICT (id) DO NOTHING
