SELECT session_id AS id, min(timestamp) AS created_at, project_id, any(environment) AS environment, count() OVER () AS total_items
FROM traces FINAL
WHERE project_id = {project_id:String} AND session_id IS NOT NULL AND session_id != ''
GROUP BY project_id, session_id
ORDER BY created_at DESC
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
