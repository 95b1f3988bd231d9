"""Troubles with ClickHouse that a log shows."""

from ops.doctor.row import Part, logged

ROWS = (
    logged(
        "clickhouse-parts",
        Part.CLICKHOUSE,
        "Code: 252, Too many parts. Merges are processing significantly slower than inserts",
        "inserts come faster than ClickHouse merges their parts",
        "write larger batches (LANGFUSE_INGESTION_CLICKHOUSE_WRITE_BATCH_SIZE and "
        "LANGFUSE_INGESTION_CLICKHOUSE_WRITE_INTERVAL_MS in `langfuse:extraEnv`) from fewer writers "
        "(`pulumi config set worker:replicas <fewer>`), and give ClickHouse a faster disk or more cores for merges. "
        "Parts are never removed by hand: they are the data; inserts are tried again",
    ),
    logged(
        "clickhouse-queries",
        Part.CLICKHOUSE,
        "Code: 202, Too many simultaneous queries",
        "more queries at once than the server takes",
        "run fewer workers (`pulumi config set worker:replicas <fewer>`) or lower CLICKHOUSE_MAX_OPEN_CONNECTIONS in "
        "`langfuse:extraEnv`, then `make up`",
    ),
    logged(
        "clickhouse-slow",
        Part.CLICKHOUSE,
        "Code: 159, Timeout exceeded: elapsed … seconds; Timeout error.",
        "a query takes longer than it may: too much data for its time range, or too little processor or memory",
        "`make capacity` shows what is short; narrow the time range in the UI, or give ClickHouse more: {more_memory}",
    ),
    logged(
        "clickhouse-hang-up",
        Part.CLICKHOUSE,
        "ClickhouseWriter.flush … socket hang up; ECONNRESET",
        "ClickHouse closed a kept-alive connection: it restarted, or keeps connections for a shorter time than the "
        "client. Harmless when it is rare: the insert is tried again",
        "when it is often: see in `make status` whether ClickHouse restarts, and set "
        "CLICKHOUSE_KEEP_ALIVE_IDLE_SOCKET_TTL in `langfuse:extraEnv` below the server's (or a proxy's) keep-alive",
        tolerated=10,
    ),
    logged(
        "clickhouse-table-missing",
        Part.CLICKHOUSE,
        "Code: 60, Table … does not exist (UNKNOWN_TABLE)",
        "a table or column of Langfuse, {table}, is not in the database that it asks: its ClickHouse migrations did "
        "not run, or ran in another database",
        "compare CLICKHOUSE_DB of web and worker with the database of the migration history (schema_migrations); "
        "{restart langfuse-web} runs what is missing, and `python -m ops doctor` says whether the history is dirty",
    ),
    logged(
        "clickhouse-keeper",
        Part.CLICKHOUSE,
        "Code: 999, Session expired (KEEPER_EXCEPTION)",
        "ClickHouse lost its session with Keeper: in cluster mode two of the three keepers must be up and reachable",
        "`make status` names a keeper that is away, `make up` starts it; the session comes back by itself once there "
        "is a quorum. A single server needs no Keeper: there take CLICKHOUSE_CLUSTER_ENABLED out of "
        "`langfuse:extraEnv`",
    ),
    logged(
        "clickhouse-config-denied",
        Part.CLICKHOUSE,
        "Failed to merge config …: Access to file denied",
        "ClickHouse may not read one of its config files: {file}",
        "make that file readable for the user that ClickHouse runs as (owner clickhouse, uid 101, or mode 0644), then "
        "{restart clickhouse}",
    ),
    logged(
        "clickhouse-config",
        Part.CLICKHOUSE,
        "Failed to merge config with …; SAXParseException",
        "one of ClickHouse's config files is malformed or names something that is not there",
        "mend the file that the line names, or take your own out of config.d; then {restart clickhouse}",
    ),
    logged(
        "clickhouse-folder",
        Part.CLICKHOUSE,
        "filesystem error: in create_directories: Permission denied [/var/lib/clickhouse/…]",
        "ClickHouse may not write its data folder: the volume belongs to another user",
        "give the volume (the folder below /var/lib/clickhouse) to the owner clickhouse, uid and gid 101, then "
        "{restart clickhouse}. The data stays where it is",
    ),
    logged(
        "clickhouse-broken-parts",
        Part.CLICKHOUSE,
        "Suspiciously many broken parts; Checksum doesn't match",
        "parts of a table were damaged, by a disk, a file system or a machine that went down hard",
        "copy the volume before anything else. See the machine's disk (dmesg), then restore the newest backup beside "
        "it and compare: `python -m ops rehearse` proves that the backup can be restored",
    ),
)
