INSERT INTO {schema}."projects" (id, name, org_id) VALUES (%(id)s, %(name)s, %(org_id)s) ON CONFLICT (id) DO NOTHING
