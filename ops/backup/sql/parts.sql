SELECT table, name, rows, hash_of_all_files, active FROM system.parts WHERE database = {database:String}
