SELECT id, bucket_path FROM {schema}."media" m
WHERE project_id = %(project_id)s
  AND EXISTS (SELECT 1 FROM {schema}."trace_media" t WHERE t.media_id = m.id AND t.project_id = m.project_id AND t.trace_id = ANY(%(traces)s))
  AND NOT EXISTS (SELECT 1 FROM {schema}."trace_media" t WHERE t.media_id = m.id AND t.project_id = m.project_id AND t.trace_id <> ALL(%(traces)s))
