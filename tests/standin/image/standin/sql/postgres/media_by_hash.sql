SELECT id, content_type, upload_http_status FROM {schema}."media" WHERE project_id = %(project_id)s AND sha_256_hash = %(sha256)s
