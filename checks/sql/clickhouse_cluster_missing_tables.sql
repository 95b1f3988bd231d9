-- Tables and views that some servers lack.
SELECT name, count() FROM clusterAllReplicas('default', system.tables)
WHERE database = {database:String} GROUP BY name HAVING count() < {members:UInt64} ORDER BY name
