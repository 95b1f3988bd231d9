-- Every server of the cluster, by what it calls itself.
SELECT anyIf(substitution, macro = 'replica') AS replica, anyIf(substitution, macro = 'shard') AS shard,
       toString(serverUUID()) AS server, version() AS release
FROM clusterAllReplicas('default', system.macros) GROUP BY server, release ORDER BY replica
