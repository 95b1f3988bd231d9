"""Troubles with Redis that a log shows."""

from ops.doctor.row import Part, logged

ROWS = (
    logged(
        "redis-name",
        Part.REDIS,
        "Redis error getaddrinfo ENOTFOUND …",
        "the service cannot resolve the host name of Redis that it was given",
        "compare the host {host} in REDIS_HOST or REDIS_CONNECTION_STRING of the service with what the stack gives it "
        "(`python -m ops doctor --all` shows both): take the REDIS_* variables out of `langfuse:extraEnv`, then "
        "`make up`",
    ),
    logged(
        "redis-lost",
        Part.REDIS,
        "Connection to redis lost. Retry attempt: …; Reached the max retries per request limit",
        "the connection to Redis was lost, and is retried: Redis is down, restarts, loads its data or is out of memory",
        "look at Redis first: `make status`, then {log redis}; the services connect again when it is back",
        tolerated=10,
    ),
    logged(
        "redis-silent",
        Part.REDIS,
        "Socket timeout. Expecting data, but didn't receive any in 30000ms; Command timed out",
        "Redis took the connection and sent no answer in time: it is overloaded or paused, or a proxy between drops "
        "idle connections",
        "see the load and the slow commands of Redis ({redis SLOWLOG GET 10}), and the idle time-out of any proxy or "
        "load balancer between; raise REDIS_SOCKET_TIMEOUT_MS in `langfuse:extraEnv` only when both are well",
    ),
    logged(
        "redis-cluster",
        Part.REDIS,
        "CROSSSLOT Keys in request don't hash to the same slot; MOVED …; CLUSTERDOWN",
        "a Redis cluster is used as if it were a single server, or the reverse",
        "set REDIS_CLUSTER_ENABLED=true and REDIS_CLUSTER_NODES in `langfuse:extraEnv` for a cluster, or use a Redis "
        "without cluster mode; then `make up`",
    ),
    logged(
        "redis-memory",
        Part.REDIS,
        "OOM command not allowed when used memory > 'maxmemory'",
        "Redis is at maxmemory and refuses writes: jobs are refused, and their traces are lost",
        "give Redis more memory ({redis CONFIG SET maxmemory <more>}, {more_memory}); keep the policy noeviction, and "
        "give the gateway's cache of answers a Redis of its own. See `make capacity` for what waits in the queues, and "
        "send refused events again",
    ),
    logged(
        "redis-full",
        Part.REDIS,
        "Error writing to the AOF file: No space left on device; Can't save in background: fork: Cannot allocate "
        "memory",
        "Redis cannot write its data: its disk is full, or there is no memory to fork",
        "for the disk of Redis: {larger_disk redis}. For memory: {more_memory}, and set vm.overcommit_memory=1 on the "
        "host. Jobs in Redis stay as they are",
    ),
    logged(
        "redis-folder",
        Part.REDIS,
        "Failed opening the temp RDB file: Permission denied; Can't open or create append-only dir",
        "Redis may not write its data folder, or does not work in it (a changed dir is a sign of an open server)",
        "give the volume to the user that Redis runs as; where dir is not the volume, see who reaches the port and "
        "whether a password is set, then {restart redis}",
    ),
    logged(
        "redis-aof",
        Part.REDIS,
        "Bad file format reading the append only file",
        "the end of Redis' append-only file was cut, by a full disk or a lost machine",
        "copy the volume first. Then run redis-check-aof on the copy: it says how much would be lost, and only then "
        "with --fix; start Redis on it",
    ),
    logged(
        "redis-newer-data",
        Part.REDIS,
        "Can't handle RDB format version …",
        "the data was written by a newer release of Redis than the one that runs",
        "go back to the newer release: `pulumi config set redis:image <newer>`, then `make up`; the volume stays",
    ),
    logged(
        "redis-replica",
        Part.REDIS,
        "READONLY You can't write against a read only replica",
        "the service is connected to a replica, which takes no writes, as after a failover",
        "use the address of the primary (or of the sentinels) in REDIS_CONNECTION_STRING or REDIS_URL, then "
        "{restart langfuse-worker}",
    ),
    logged(
        "redis-clients",
        Part.REDIS,
        "ERR max number of clients reached",
        "Redis has as many clients as it takes: each replica of web and worker opens a connection for each queue",
        "raise maxclients ({redis CONFIG SET maxclients 10000}) or the plan of a managed server; or run fewer "
        "replicas: "
        "`pulumi config set worker:replicas <fewer>`, then `make up`",
    ),
    logged(
        "redis-rights",
        Part.REDIS,
        "NOPERM this user has no permissions to run the … command",
        "the Redis user of Langfuse may not run commands or touch keys that the queues need",
        "allow that user all commands and keys below the queues' prefix (ACL +@all ~*), or give Langfuse another user",
    ),
    logged(
        "redis-ca",
        Part.REDIS,
        "Redis error self-signed certificate in certificate chain",
        "the certificate of Redis is signed by a CA that the service does not know",
        "name the CA's file in `langfuse-stack:caBundle`, then `make up`. Do not turn the check off",
    ),
    logged(
        "redis-tls-mismatch",
        Part.REDIS,
        "Redis error write EPROTO … wrong version number",
        "the client speaks TLS to a plain port of Redis, or plain to a TLS port",
        "use rediss:// (or REDIS_TLS_ENABLED=true) for a TLS port and redis:// for a plain one, in "
        "REDIS_CONNECTION_STRING or REDIS_URL, then `make up`",
    ),
)
