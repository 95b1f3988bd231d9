INSERT INTO {schema}."trace_media" (id, project_id, media_id, trace_id, field)
VALUES (%(id)s, %(project_id)s, %(media_id)s, %(trace_id)s, %(field)s) ON CONFLICT DO NOTHING
