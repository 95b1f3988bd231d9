UPDATE {schema}."media" SET uploaded_at = now(), upload_http_status = %(status)s, upload_http_error = %(error)s
WHERE project_id = %(project_id)s AND id = %(id)s RETURNING id
