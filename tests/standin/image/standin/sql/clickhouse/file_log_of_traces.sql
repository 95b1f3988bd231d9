SELECT bucket_path FROM blob_storage_file_log FINAL
WHERE project_id = {project_id:String}
  AND (entity_id IN {traces:Array(String)}
       OR entity_id IN (SELECT id FROM observations WHERE project_id = {project_id:String} AND trace_id IN {traces:Array(String)})
       OR entity_id IN (SELECT id FROM scores WHERE project_id = {project_id:String} AND trace_id IN {traces:Array(String)}))
