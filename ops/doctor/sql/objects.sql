SELECT name FROM system.tables WHERE database = {database:String}
UNION ALL SELECT concat(table, '.', name) FROM system.columns WHERE database = {database:String}
UNION ALL SELECT concat(table, '.', name) FROM system.data_skipping_indices WHERE database = {database:String}
