SELECT name, total_rows FROM system.tables WHERE database = {database:String} AND has({names:Array(String)}, name) ORDER BY name
