"""Rows about Postgres: URLs, ledger, lock, rights and time."""

from urllib.parse import parse_qs

from ops.doctor.access import Access
from ops.doctor.ask import postgres, text_of
from ops.doctor.looks import environment
from ops.doctor.row import NotApplicableError, Part, Row, Seen, fine, wrong
from ops.doctor.rows import addresses
from urls import TRANSACTION_POOLER_PORT, UrlError, postgres_url, without_password

URLS = ("DATABASE_URL", "DIRECT_URL")


def _url(access: Access) -> Seen:
    env = environment(access.inspector, "langfuse-web")
    for name in URLS:
        try:
            url = postgres_url(env.get(name, ""))
        except UrlError as error:
            return wrong(f"{name} {error}")
        schema = url.parameter("schema") or "public"
        if schema != access.schema:
            return wrong(f"{name} names schema {schema}, not {access.schema}")
    return fine(", ".join(without_password(env[name]) for name in URLS))


def _connection(access: Access) -> Seen:
    env = environment(access.inspector, "langfuse-web")
    targets = {addresses.target(env.get(name, "")) for name in URLS} - {None}
    postgres(access.direct_url, "SELECT 1")
    return addresses.reached(access, "langfuse-web", sorted(str(target) for target in targets))


def _not_empty(access: Access) -> Seen:
    [(tables, ledgers)] = postgres(access.admin_url, "schema_tables.sql", schema=access.schema)
    if tables and not ledgers:
        return wrong(f"schema {access.schema} holds {tables} tables and no _prisma_migrations")
    return fine(f"schema {access.schema}: {tables} tables")


def _unfinished(access: Access) -> Seen:
    _needs_ledger(access)
    rows = postgres(access.direct_url, "unfinished_migrations.sql", schema=access.schema)
    if rows:
        name, log = rows[0]
        said = f": {' '.join(str(log).split())[:160]}" if log else ""
        return wrong(f"started and not finished: {', '.join(str(row[0]) for row in rows)}{said}", _resolve(str(name)))
    return fine("every migration that was started has finished")


def _resolve(name: str) -> str:
    statement = text_of("mark_rolled_back.sql").replace("{name}", name)
    return f"mend what its log names, then have it tried again: {{psql {statement}}}, then {{restart langfuse-web}}"


def _needs_ledger(access: Access) -> None:
    [(_, ledgers)] = postgres(access.admin_url, "schema_tables.sql", schema=access.schema)
    if not ledgers:
        raise NotApplicableError("no ledger yet")


def _lock(access: Access) -> Seen:
    direct = addresses.parsed(environment(access.inspector, "langfuse-web").get("DIRECT_URL", ""))
    if direct is not None and direct.port == TRANSACTION_POOLER_PORT:
        return wrong(
            f"DIRECT_URL names port {TRANSACTION_POOLER_PORT}, the transaction pooler, which keeps no session lock",
            "take DIRECT_URL out of `langfuse:extraEnv`, then `make up`",
        )
    rows = postgres(access.admin_url, "migration_lock.sql")  # other sessions show their age to no one else
    held = [row for row in rows if row[2] and row[3] is not None and float(row[3]) >= access.limits.lock_seconds]
    if held:
        pid, user, _, age = held[0]
        waiting = sum(1 for row in rows if not row[2])
        return wrong(f"process {pid} of {user} has held the lock for {age:.0f} s; {waiting} wait")
    if any(row[2] and row[3] is None for row in rows):
        raise NotApplicableError("the lock is held, and since when is not shown to this login")
    return fine("nobody holds the migration lock")


def _pooler_flag(access: Access) -> Seen:
    for service in ("langfuse-web", "langfuse-worker"):
        url = addresses.parsed(environment(access.inspector, service).get("DATABASE_URL", ""))
        if url and url.port == TRANSACTION_POOLER_PORT and parse_qs(url.query).get("pgbouncer") != ["true"]:
            return wrong(f"DATABASE_URL of {service} names port {TRANSACTION_POOLER_PORT} without pgbouncer=true")
    return fine("no pooler, or told that it is one")


def _search_path(access: Access) -> Seen:
    found = str(postgres(access.pooled_url, "SHOW search_path", "through DATABASE_URL")[0][0])
    if found.replace('"', "") != access.schema:
        return wrong(f"search_path through DATABASE_URL is {found}")
    return fine(f"search_path {found}")


def _temporary(access: Access) -> Seen:
    allowed = postgres(
        access.direct_url, "SELECT has_database_privilege(current_database(), 'TEMPORARY'), current_database()"
    )
    may, database = allowed[0]
    if may:
        return fine(f"may make temporary tables in {database}")
    return wrong(f"the role may not make temporary tables in {database}")


def _timezone(access: Access) -> Seen:
    zone = str(postgres(access.direct_url, "SHOW timezone")[0][0])
    return fine(zone) if zone.upper() in {"UTC", "ETC/UTC", "GMT", "ETC/GMT"} else wrong(f"timezone is {zone}")


def _version(access: Access) -> Seen:
    number = int(postgres(access.direct_url, "SHOW server_version_num")[0][0]) // 10_000
    if number < access.postgres_floor:
        return wrong(f"Postgres {number}; Langfuse release {access.release.name} needs {access.postgres_floor}")
    return fine(f"Postgres {number}")


ROWS = (
    Row(
        id="postgres-url",
        part=Part.POSTGRES,
        symptom="P1013: the provided database string is invalid; invalid port number in database URL",
        cause="a password that is not percent-encoded, or a URL without the schema",
        detected="DATABASE_URL and DIRECT_URL of web, taken apart",
        fix="take DATABASE_URL and DIRECT_URL out of `langfuse:extraEnv`, then `make up`",
        probe=_url,
    ),
    Row(
        id="postgres-connection",
        part=Part.POSTGRES,
        symptom="P1001: Can't reach database server; P1000: Authentication failed",
        cause="a wrong host or password, or Postgres is down",
        detected="logs in with Langfuse's role; connects to both URLs' hosts from web's own network",
        fix="{postgres_login}",
        probe=_connection,
    ),
    Row(
        id="postgres-version",
        part=Part.POSTGRES,
        symptom="migrations fail with a syntax error",
        cause="Postgres is older than the Langfuse release needs",
        detected="SHOW server_version_num against the release's floor",
        fix="dump and load into a newer server, then {newer_postgres}",
        probe=_version,
    ),
    Row(
        id="postgres-schema-not-empty",
        part=Part.POSTGRES,
        symptom="P3005: The database schema is not empty",
        cause="the schema holds somebody else's tables, or a ledger got lost",
        detected="tables in Langfuse's schema without _prisma_migrations",
        fix="move the tables out of the way, keeping them: {psql ALTER SCHEMA {schema} RENAME TO {schema}_before}, "
        "then `make up`, which makes an empty one",
        probe=_not_empty,
    ),
    Row(
        id="postgres-migration-failed",
        part=Part.POSTGRES,
        symptom="P3009: migrate found failed migrations; P3018: a migration failed to apply",
        cause="an earlier start was cut short, or a migration's statement failed",
        detected="rows of _prisma_migrations that were started and not finished",
        fix="mend what the migration's log names, mark it rolled back, and start web again",
        probe=_unfinished,
    ),
    Row(
        id="postgres-migration-lock",
        part=Part.POSTGRES,
        symptom="P1002, timed out trying to acquire a postgres advisory lock (72707369); deadlock detected",
        cause="two webs start at once, another Prisma program migrates the same database, or DIRECT_URL is a "
        "transaction pooler",
        detected="who has held the lock in pg_locks for ten seconds; port 6543 in DIRECT_URL",
        fix="start one web and wait for it: {restart langfuse-web}; another program belongs into a database of its own",
        probe=_lock,
    ),
    Row(
        id="postgres-pooler-flag",
        part=Part.POSTGRES,
        symptom='prepared statement "s0" already exists',
        cause="DATABASE_URL goes through a transaction pooler and does not say so",
        detected="port 6543 and pgbouncer=true in DATABASE_URL",
        fix="add `pgbouncer=true` to DATABASE_URL alone, not to DIRECT_URL, then `make up`",
        probe=_pooler_flag,
    ),
    Row(
        id="postgres-search-path",
        part=Part.POSTGRES,
        symptom='relation "prompts" does not exist, on some pages only',
        cause="with pgbouncer=true the schema of the URL is not set as search_path",
        detected="SHOW search_path as Langfuse's role through DATABASE_URL",
        fix="{psql ALTER ROLE langfuse IN DATABASE {catalog} SET search_path = {schema}}",
        probe=_search_path,
    ),
    Row(
        id="postgres-temporary",
        part=Part.POSTGRES,
        symptom="permission denied to create temporary tables in database",
        cause="Langfuse's role lacks TEMPORARY, which one migration needs",
        detected="has_database_privilege of Langfuse's role",
        fix="{psql GRANT TEMPORARY ON DATABASE {catalog} TO langfuse}",
        probe=_temporary,
    ),
    Row(
        id="postgres-timezone",
        part=Part.POSTGRES,
        symptom="empty or shifted results",
        cause="Postgres does not run on UTC",
        detected="SHOW timezone as Langfuse's role",
        fix="{psql ALTER ROLE langfuse IN DATABASE {catalog} SET timezone = 'UTC'}",
        probe=_timezone,
    ),
)
