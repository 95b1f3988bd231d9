DELETE FROM traces WHERE project_id = {project_id:String} AND id IN {traces:Array(String)}
