-- Tables of Langfuse's database that hold rows on one server alone, and how many they hold on all of them.
SELECT name, sum(ifnull(total_rows, 1)) FROM clusterAllReplicas('default', system.tables)
WHERE database = {database:String} AND engine LIKE '%MergeTree' AND engine NOT LIKE 'Replicated%'
GROUP BY name ORDER BY name
