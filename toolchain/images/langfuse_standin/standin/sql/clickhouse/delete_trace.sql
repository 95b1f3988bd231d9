DELETE FROM traces WHERE project_id = {project_id:String} AND id = {id:String}
