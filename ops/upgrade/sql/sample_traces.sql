SELECT id FROM (
    SELECT id, timestamp FROM {database:Identifier}.traces FINAL WHERE project_id = {project:String}
    ORDER BY timestamp DESC LIMIT 2
    UNION ALL
    SELECT id, timestamp FROM {database:Identifier}.traces FINAL WHERE project_id = {project:String}
    ORDER BY timestamp LIMIT 1
) GROUP BY id
