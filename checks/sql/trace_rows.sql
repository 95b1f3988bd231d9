SELECT count(), '' FROM {database:Identifier}.traces
WHERE project_id = {project:String} AND id = {trace:String} AND timestamp >= now() - INTERVAL 1 DAY
