INSERT INTO {schema}."pending_deletions" (id, project_id, object, object_id) VALUES (%(id)s, %(project_id)s, 'trace', %(trace_id)s)
