SELECT id, bucket_path, content_type, content_length, uploaded_at, upload_http_status FROM {schema}."media"
WHERE project_id = %(project_id)s AND id = %(id)s
