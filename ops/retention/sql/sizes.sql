SELECT tables.name, sum(parts.rows), sum(parts.bytes_on_disk)
FROM system.tables AS tables
LEFT JOIN (SELECT table, rows, bytes_on_disk FROM system.parts WHERE active AND database = {database:String}) AS parts
    ON parts.table = tables.name
WHERE tables.database = {database:String} AND has({names:Array(String)}, tables.name)
GROUP BY tables.name ORDER BY tables.name
