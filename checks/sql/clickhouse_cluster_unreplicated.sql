-- Tables of Langfuse's database that hold rows on one server alone.
SELECT DISTINCT name, engine FROM clusterAllReplicas('default', system.tables)
WHERE database = {database:String} AND engine LIKE '%MergeTree' AND engine NOT LIKE 'Replicated%' ORDER BY name
