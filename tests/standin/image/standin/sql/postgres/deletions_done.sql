UPDATE {schema}."pending_deletions" SET is_deleted = true
WHERE project_id = %(project_id)s AND object = 'trace' AND object_id = ANY(%(traces)s)
