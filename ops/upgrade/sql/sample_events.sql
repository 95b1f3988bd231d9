SELECT id FROM (
    SELECT trace_id AS id, start_time FROM {database:Identifier}.events_full FINAL WHERE project_id = {project:String}
    ORDER BY start_time DESC LIMIT 2
    UNION ALL
    SELECT trace_id AS id, start_time FROM {database:Identifier}.events_full FINAL WHERE project_id = {project:String}
    ORDER BY start_time LIMIT 1
) GROUP BY id
