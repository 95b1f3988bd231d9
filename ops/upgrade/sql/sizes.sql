SELECT (SELECT sum(total_rows) FROM system.tables WHERE database = {database:String} AND name IN ('traces', 'observations')),
       (SELECT sum(bytes_on_disk) FROM system.parts WHERE database = {database:String} AND active),
       (SELECT min(unreserved_space) FROM system.disks WHERE total_space < pow(2, 62))
