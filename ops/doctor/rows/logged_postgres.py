"""Troubles with Postgres that a log shows."""

from ops.doctor.row import Part, logged

ROWS = (
    logged(
        "postgres-pool",
        Part.POSTGRES,
        "P2024: Timed out fetching a new connection from the connection pool",
        "the pool of Prisma is too small for the load: every connection is in use for longer than pool_timeout",
        "raise connection_limit (`pulumi config set postgres:connectionLimit <more>`, or in the URL) and pool_timeout "
        "in DATABASE_URL, then `make up`; the server must have slots for all replicas together",
    ),
    logged(
        "postgres-session-pooler",
        Part.POSTGRES,
        "(EMAXCONNSESSION) max clients reached in session mode",
        "the session pooler of Supabase (port 5432) is full: each client keeps a server connection for as long as it "
        "lives",
        "use the transaction pooler (port 6543, pgbouncer=true) for LANGFUSE_DATABASE_URL, and lower the connection "
        "limit of web and worker: `pulumi config set postgres:connectionLimit <fewer>`, then `make up`",
    ),
    logged(
        "postgres-slots",
        Part.POSTGRES,
        "FATAL: remaining connection slots are reserved …; sorry, too many clients already",
        "Postgres, or the pooler before it, is out of connections",
        "lower connection_limit of web and worker (`pulumi config set postgres:connectionLimit <fewer>`) or the number "
        "of replicas, then `make up`; or raise max_connections of the server (default_pool_size and max_client_conn of "
        "a pooler)",
    ),
    logged(
        "postgres-tenant",
        Part.POSTGRES,
        "FATAL: Tenant or user not found",
        "the pooler of Supabase does not know the project reference in the user name, or it is another region's pooler",
        "log in as user.<project ref> on the pooler's host, and as the plain user on the direct host; take host and "
        "region from the project's page, put both URLs into the vault (LANGFUSE_DIRECT_URL, LANGFUSE_DATABASE_URL), "
        "then `make up`",
    ),
    logged(
        "postgres-tls",
        Part.POSTGRES,
        "P1011: Error opening a TLS connection; no pg_hba.conf entry … no encryption",
        "the TLS parameters of the Postgres URL do not fit the server",
        "set sslmode in the URL to what the server offers (require or verify-full with TLS, disable without), and "
        "`langfuse-stack:caBundle` to the file of a CA of your own; then `make up`",
    ),
    logged(
        "postgres-denied",
        Part.POSTGRES,
        "P1010: User was denied access on the database; permission denied for schema …",
        "the role may not use that database or schema: {object}",
        "grant it what it lacks there: {psql GRANT USAGE, CREATE ON SCHEMA {schema} TO langfuse}; or correct schema= "
        "in the URL, where the line names a database or schema that is not the stack's",
    ),
    logged(
        "postgres-column-missing",
        Part.POSTGRES,
        "P2022: The column … does not exist in the current database",
        "the schema is older than the program: its migrations did not run, or ran in another schema ({column} is "
        "missing)",
        "compare the migration history (_prisma_migrations) and schema= of DATABASE_URL and DIRECT_URL, which must be "
        "the same; then {restart langfuse-web}, which runs the migrations that are missing",
    ),
    logged(
        "postgres-wrong-schema",
        Part.POSTGRES,
        "P2021: The table … does not exist in the current database",
        "the tables are looked for in the wrong schema, or were never made: {table}",
        "set schema= in DATABASE_URL and DIRECT_URL alike, and the search_path of the role: {psql ALTER ROLE langfuse "
        "IN DATABASE {catalog} SET search_path = {schema}}; then {restart langfuse-web}",
    ),
    logged(
        "postgres-database-missing",
        Part.POSTGRES,
        "P1003: Database … does not exist on the database server",
        "the database that the URL names, {missing}, does not exist",
        "correct its name in DATABASE_URL and DIRECT_URL; the stack's own is made by `make up`, in a foreign server "
        "create it by hand: {psql CREATE DATABASE <name>}",
    ),
    logged(
        "postgres-data-version",
        Part.POSTGRES,
        "FATAL: database files are incompatible with server",
        "the data folder was made by another major release of Postgres: {version}",
        "go back to that release: `pulumi config set postgres:image <that release>`, then `make up`. To move on, use "
        "pg_upgrade, or dump there and restore into a new folder. Never empty this one",
    ),
    logged(
        "postgres-disk",
        Part.POSTGRES,
        "PANIC: could not write to file pg_wal/…: No space left on device",
        "the disk of Postgres is full",
        "{larger_disk postgres}, or in the console of a managed server; never take files out of pg_wal. See "
        "replication "
        "slots that nobody reads: {psql SELECT * FROM pg_replication_slots}",
    ),
    logged(
        "postgres-shared-memory",
        Part.POSTGRES,
        "could not resize shared memory segment: No space left on device",
        "the shared memory of the container is too small for a parallel query; the disk is not full",
        "give Postgres more shared memory (shm_size of the container, 256 MB or more), or run without parallel "
        "queries: {psql ALTER ROLE langfuse SET max_parallel_workers_per_gather = 0}",
    ),
    logged(
        "postgres-read-only",
        Part.POSTGRES,
        "cannot execute INSERT in a read-only transaction",
        "the URL leads to a replica, or the provider made the database read-only because its disk is full",
        "use the primary's address in DATABASE_URL and DIRECT_URL; of a managed server see its disk in the console, "
        "and "
        "give it more",
    ),
    logged(
        "postgres-folder",
        Part.POSTGRES,
        "data directory has invalid permissions; has wrong ownership",
        "Postgres may not use its data folder",
        "give the folder to the user postgres with mode 0700, then {restart postgres}. The data stays where it is",
    ),
    logged(
        "postgres-lost",
        Part.POSTGRES,
        "P1017: Server has closed the connection; terminating connection due to administrator command",
        "Postgres or a pooler closed connections: it restarted, failed over, or ends idle ones",
        "harmless once after a restart. When it is often: `make status`, {log postgres}, and the idle time-out of the "
        "pooler",
        tolerated=10,
    ),
    logged(
        "postgres-slow",
        Part.POSTGRES,
        "canceling statement due to statement timeout; P2028",
        "a statement waits for a lock or takes longer than it may",
        "see what holds locks and runs long: {psql SELECT pid, state, wait_event, query FROM pg_stat_activity ORDER BY "
        "state_change}; a migration needs a login without statement_timeout",
    ),
)
