SELECT object_id FROM {schema}."pending_deletions" WHERE project_id = %(project_id)s AND object = 'trace' AND NOT is_deleted
