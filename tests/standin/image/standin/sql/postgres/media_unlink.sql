WITH unlinked AS (DELETE FROM {schema}."trace_media" WHERE project_id = %(project_id)s AND trace_id = ANY(%(traces)s))
DELETE FROM {schema}."media" WHERE project_id = %(project_id)s AND id = ANY(%(media)s)
