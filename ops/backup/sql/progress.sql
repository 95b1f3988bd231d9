SELECT toString(status), error, num_files, total_size FROM system.backups WHERE id = {id:String}
