"""Langfuse's schema in somebody's Postgres: made if absent, confined, and proof that nothing else was touched.

Works against Supabase and against any Postgres from the release's floor on.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from checks.base import (
    CheckFailedError,
    CheckProvider,
    CheckResource,
    DataProvider,
    Evidence,
    Inputs,
    brief,
    now,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

SQL = Path(__file__).parent / "sql"
TIMEOUT_SECONDS = 5
TRANSACTION_POOLER_PORT = 6543
PRISMA_PARAMETERS = frozenset({"schema", "pgbouncer", "connection_limit"})
"""Parameters of a URL that Langfuse's ORM reads and libpq does not know."""


def libpq_url(url: str) -> str:
    """`url` without the parameters that only Langfuse's ORM understands."""
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key not in PRISMA_PARAMETERS]
    return urlunsplit(parts._replace(query=urlencode(query)))


@contextmanager
def connection(url: str, what: str) -> "Iterator[Connection[Any]]":
    """An autocommitting connection with time-outs.

    Raises:
        CheckFailedError: the server does not answer or refuses the login. The URL is never shown, its host is.
    """
    import psycopg

    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or 5432}{parts.path}"
    try:
        opened = psycopg.connect(
            libpq_url(url),
            connect_timeout=TIMEOUT_SECONDS,
            autocommit=True,
            options=f"-c statement_timeout={60_000} -c lock_timeout={5_000}",
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        refused = "password authentication failed" in str(error)
        raise CheckFailedError(
            f"login {what} as {parts.username} at {place}",
            "password authentication failed (28P01)" if refused else brief(error),
            "the server holds another password than the stack: set the role's password back with ALTER ROLE, never "
            "recreate the database"
            if refused
            else "check that the server runs and that the URL's host and port are right",
        ) from None
    try:
        yield opened
    finally:
        opened.close()


def _query(db: "Connection[Any]", query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Rows of a query, or of the query in the file `checks/sql/<query>` when it ends in `.sql`."""
    import psycopg

    text = (SQL / query).read_text(encoding="utf-8") if query.endswith(".sql") else query
    try:
        return db.execute(text, parameters).fetchall()
    except psycopg.OperationalError as error:
        raise CheckFailedError(query, brief(error), "see the Postgres log") from None
    except psycopg.Error as error:
        raise CheckFailedError(query, brief(error), "see the Postgres log", final=True) from None


class SchemaProvider(DataProvider):
    """See `LangfuseSchema`."""

    label = "langfuse schema"
    libraries = ("psycopg",)
    keys = ("admin_url", "schema", "role", "role_password")

    def probe(self, inputs: Inputs) -> Evidence:
        from psycopg import sql

        schema, role = inputs["schema"], inputs["role"]
        with connection(inputs["admin_url"], "for schema changes") as db:
            version = _server_version(db)
            database = _query(db, "SELECT current_database()")[0][0]
            statement = sql.SQL((SQL / "schema_create.sql").read_text(encoding="utf-8")).format(
                role=sql.Identifier(role),
                role_text=sql.Literal(role),
                schema=sql.Identifier(schema),
                database=sql.Identifier(database),
                password=sql.Literal(_scram_verifier(db, role, inputs["role_password"])),
            )
            with db.transaction():
                db.execute(statement)
        return {"version": version, "schema": schema, "role": role}


class LangfuseSchema(CheckResource, module="checks", name="LangfuseSchema"):
    """Langfuse's own schema and the role that is confined to it. Holds data: never dropped, never replaced.

    Args:
        inputs: `admin_url` (secret; a role that may create schemas), `schema`, `role`, `role_password` (secret).
    """

    provider = SchemaProvider


class SupabaseProvider(CheckProvider):
    """See `SupabaseGate`."""

    label = "gate postgres"
    libraries = ("psycopg",)
    keys = ("direct_url", "pooled_url", "schema", "floor", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        direct, pooled, schema = inputs["direct_url"], inputs["pooled_url"], inputs["schema"]
        _direct_is_no_transaction_pooler(direct)
        with connection(direct, "through DIRECT_URL") as db:
            version = _server_version(db)
            if version < int(inputs["floor"]):
                raise CheckFailedError(
                    "SHOW server_version_num",
                    f"Postgres {version}",
                    f"this Langfuse release needs Postgres {inputs['floor']} or newer: set postgres:image",
                    final=True,
                )
            _owns_schema(db, schema)
            foreign = _confined(db, schema)
        with connection(pooled, "through DATABASE_URL") as db:
            search_path = str(_query(db, "SHOW search_path")[0][0])
            if search_path.strip('"') != schema:
                raise CheckFailedError(
                    "SHOW search_path",
                    search_path,
                    f"ALTER ROLE … SET search_path = {schema}: the pooler drops the URL's schema parameter",
                    final=True,
                )
        return {"version": version, "refused_schemas": foreign}


class SupabaseGate(CheckResource, module="checks", name="Supabase"):
    """Both URLs log in, the role owns its schema, and it was seen being refused in every other one.

    Args:
        inputs: `direct_url`, `pooled_url` (secrets), `schema`, `floor` (major version), `watch`.
    """

    provider = SupabaseProvider


class SnapshotProvider(CheckProvider):
    """See `ForeignSnapshot`."""

    label = "foreign schemas before the migrations"
    libraries = ("psycopg",)
    keys = ("admin_url", "schema", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        objects = foreign_objects(inputs["admin_url"], inputs["schema"])
        digest = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()
        return {"taken_at": now(), "sha256": digest, "objects": objects}


class ForeignSnapshot(CheckResource, module="checks", name="ForeignSnapshot"):
    """What every schema that is not Langfuse's looks like before a Langfuse image migrates.

    Args:
        inputs: `admin_url` (secret), `schema` (Langfuse's own), `watch` (the web image).
    """

    provider = SnapshotProvider


class UntouchedProvider(CheckProvider):
    """See `ForeignUntouched`."""

    label = "foreign schemas after the migrations"
    libraries = ("psycopg",)
    keys = ("admin_url", "schema", "before")

    def probe(self, inputs: Inputs) -> Evidence:
        before = inputs["before"]["objects"]
        after = foreign_objects(inputs["admin_url"], inputs["schema"])
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if changed:
            raise CheckFailedError(
                "catalog of every schema but Langfuse's, before and after the migrations",
                f"changed: {', '.join(changed[:20])}",
                "stop, and find out what changed them: Langfuse's role must not be able to. Nothing was undone",
                final=True,
            )
        return {"objects": len(after), "sha256": inputs["before"]["sha256"]}


class ForeignUntouched(CheckResource, module="checks", name="ForeignUntouched"):
    """Every schema that is not Langfuse's is what it was before the migrations.

    Args:
        inputs: `admin_url` (secret), `schema`, `before` (evidence of the `ForeignSnapshot`).
    """

    provider = UntouchedProvider


def foreign_objects(admin_url: str, own_schema: str) -> dict[str, str]:
    """Fingerprint of every object outside `own_schema`, by `schema.object`.

    Raises:
        CheckFailedError: the catalog cannot be read.
    """
    with connection(admin_url, "to read the catalog") as db:
        rows = _query(db, "schema_objects.sql", {"own": own_schema})
    return {f"{schema}.{name}": fingerprint for schema, name, fingerprint in rows}


def applied_migrations(direct_url: str, schema: str) -> int:
    """Number of finished migrations in Langfuse's Postgres ledger.

    Raises:
        CheckFailedError: the ledger cannot be read, or a migration was started and never finished.
    """
    from psycopg import sql

    text = (SQL / "postgres_ledger.sql").read_text(encoding="utf-8")
    with connection(direct_url, "to read the ledger") as db:
        finished, unfinished = _query(db, sql.SQL(text).format(schema=sql.Identifier(schema)).as_string(db))[0]
    if unfinished:
        raise CheckFailedError(
            f"{schema}._prisma_migrations",
            f"unfinished: {unfinished}",
            "see web's log for the statement that failed, mend its cause, then `prisma migrate resolve`; never reset",
        )
    return int(finished)


def _scram_verifier(db: "Connection[Any]", role: str, password: str) -> str:
    """What the server stores for `password`, made here so that the password itself never reaches a server log."""
    return db.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


def _server_version(db: "Connection[Any]") -> int:
    return int(_query(db, "SHOW server_version_num")[0][0]) // 10_000


def _direct_is_no_transaction_pooler(url: str) -> None:
    if urlsplit(url).port == TRANSACTION_POOLER_PORT:
        raise CheckFailedError(
            "port of DIRECT_URL",
            f"{TRANSACTION_POOLER_PORT}, Supabase's transaction pooler",
            "migrations hold a session lock: use the direct or the session-pooler URL (port 5432)",
            final=True,
        )


def _owns_schema(db: "Connection[Any]", schema: str) -> None:
    query = "SELECT pg_get_userbyid(nspowner) = current_user FROM pg_namespace WHERE nspname = %(schema)s"
    rows = _query(db, query, {"schema": schema})
    if not rows or not rows[0][0]:
        seen = "owned by another role" if rows else "absent"
        raise CheckFailedError(
            query, f"schema {schema} is {seen}", "ALTER SCHEMA … OWNER TO the Langfuse role", final=True
        )


def _confined(db: "Connection[Any]", schema: str) -> list[str]:
    """Try to write into, and read from, every foreign schema; all attempts are rolled back.

    Raises:
        CheckFailedError: an attempt succeeded, or failed for another reason than missing rights.
    """
    import psycopg
    from psycopg import sql

    tables = _query(db, "schema_readable_tables.sql", {"own": schema})
    for foreign, table in [*tables, ("public", None)]:
        attempts = [sql.SQL("CREATE TABLE {}.langfuse_must_not (id int)").format(sql.Identifier(foreign))]
        if table:
            attempts.append(sql.SQL("SELECT FROM {}.{} LIMIT 1").format(sql.Identifier(foreign), sql.Identifier(table)))
        for attempt in attempts:
            text = attempt.as_string(db)
            try:
                with db.transaction(force_rollback=True):
                    db.execute(attempt)
            except psycopg.errors.InsufficientPrivilege:
                continue
            except psycopg.errors.InvalidSchemaName:
                continue
            except psycopg.Error as error:
                raise CheckFailedError(text, brief(error), "expected 42501 (insufficient privilege)") from None
            raise CheckFailedError(
                text,
                "allowed",
                f"REVOKE ALL ON SCHEMA {foreign} from the Langfuse role, and from PUBLIC as far as its owner allows",
                final=True,
            )
    return [foreign for foreign, _ in tables]
