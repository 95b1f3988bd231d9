INSERT INTO {schema}."media" (id, project_id, sha_256_hash, bucket_path, bucket_name, content_type, content_length)
VALUES (%(id)s, %(project_id)s, %(sha256)s, %(path)s, %(bucket)s, %(content_type)s, %(content_length)s)
ON CONFLICT (project_id, id) DO UPDATE SET content_type = excluded.content_type, content_length = excluded.content_length
