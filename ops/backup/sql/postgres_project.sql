SELECT count(*) FROM {projects} WHERE id = %s
