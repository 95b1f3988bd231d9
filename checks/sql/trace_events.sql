SELECT count(), any(blob_storage_file_path) FROM {database:Identifier}.events_full
WHERE project_id = {project:String} AND trace_id = {trace:String} AND start_time >= now() - INTERVAL 1 DAY
