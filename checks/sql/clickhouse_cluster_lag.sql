-- Replicated tables of Langfuse's database that are not as on the other servers.
SELECT replica_name, table, is_readonly OR is_session_expired AS closed, active_replicas,
       inserts_in_queue + part_mutations_in_queue AS waiting, absolute_delay
FROM clusterAllReplicas('default', system.replicas)
WHERE database = {database:String} AND (closed OR active_replicas < {members:UInt64} OR waiting > 0) ORDER BY replica_name, table
