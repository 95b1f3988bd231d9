DELETE FROM events_core WHERE project_id = {project_id:String} AND trace_id IN {traces:Array(String)}
