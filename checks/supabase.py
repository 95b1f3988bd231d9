"""Langfuse's schema in somebody's Postgres: made if absent, confined, and proof that nothing else was touched.

Works against Supabase and against any Postgres from the release's floor on.
"""

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pulumi import dynamic

from checks.base import (
    KNOWN_IDENTITY,
    CheckFailedError,
    CheckProvider,
    CheckResource,
    DataProvider,
    Evidence,
    Identity,
    Inputs,
    assert_same_store,
    now,
)
from checks.postgres import SQL, connection, findings, parsed, query, server_version
from checks.postgres_rights import confined
from urls import TRANSACTION_POOLER_PORT, postgres_url

if TYPE_CHECKING:
    from psycopg import Connection

NAMED_CHANGES = 20


class SchemaProvider(DataProvider):
    """See `LangfuseSchema`."""

    label = "langfuse schema"
    libraries = ("psycopg",)
    secrets = ("admin_url", "role_password")
    keys = ("admin_url", "schema", "role", "role_password", "event_trigger", "owner", "data_keys")

    def probe(self, inputs: Inputs) -> Evidence:
        from psycopg import sql

        schema, role = inputs["schema"], inputs["role"]
        with connection(_database(inputs), "for schema changes") as db:
            known = inputs[KNOWN_IDENTITY]
            assert_same_store(known, _identity(db, schema))
            _is_ours(db, inputs, is_known=bool(known))
            version = server_version(db)
            database = query(db, "SELECT current_database()")[0][0]
            names = {
                "role": sql.Identifier(role),
                "role_text": sql.Literal(role),
                "schema": sql.Identifier(schema),
                "schema_text": sql.Literal(schema),
                "database": sql.Identifier(database),
                "owner_text": sql.Literal(inputs["owner"]),
                "keys_text": sql.Literal(inputs.get("data_keys")),
                "password": sql.Literal(_scram_verifier(db, role, inputs["role_password"])),
            }
            guard = ["event_trigger.sql"] if inputs["event_trigger"] else []
            with db.transaction():
                for file in ("schema_create.sql", "schema_mark.sql", *guard):
                    with findings(file):
                        db.execute(sql.SQL((SQL / file).read_text(encoding="utf-8")).format(**names))
            identity = _identity(db, schema)
        return {"version": version, "schema": schema, "role": role, "identity": identity}


class LangfuseSchema(CheckResource, module="checks", name="LangfuseSchema"):
    """Langfuse's own schema and the role that is confined to it. Holds data: never dropped, never replaced.

    Args:
        inputs: `admin_url` (secret; a role that may create schemas), `schema`, `role`, `role_password` (secret),
            `event_trigger` (whether the database refuses to drop what is outside the schema; needs a superuser),
            `owner` (id of the stack), `data_keys` (fingerprint of the keys of its data),
            `takes_over` (whether the vault has the keys of the data that is there),
            `database` (made if absent, for its role alone; without, the one that `admin_url` names).
    """

    provider = SchemaProvider


class SupabaseProvider(CheckProvider):
    """See `SupabaseGate`."""

    label = "gate postgres"
    libraries = ("psycopg",)
    secrets = ("direct_url", "pooled_url")
    keys = ("direct_url", "pooled_url", "schema", "floor", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        direct, pooled, schema = inputs["direct_url"], inputs["pooled_url"], inputs["schema"]
        _direct_is_no_transaction_pooler(direct)
        with connection(direct, "through DIRECT_URL") as db:
            version = server_version(db)
            floor = int(inputs["floor"])
            if version < floor:
                raise CheckFailedError(
                    "SHOW server_version_num",
                    f"Postgres {version}",
                    f"this Langfuse release needs Postgres {floor} or newer: set postgres:image",
                    final=True,
                )
            identity = _identity(db, schema)
            assert_same_store(inputs[KNOWN_IDENTITY], identity)
            _owns_schema(db, schema)
            foreign = confined(db, schema)
        with connection(pooled, "through DATABASE_URL", may_lag=True) as db:
            search_path = str(query(db, "SHOW search_path")[0][0])
            if search_path.strip('"') != schema:
                raise CheckFailedError(
                    "SHOW search_path",
                    search_path,
                    f"ALTER ROLE … SET search_path = {schema}: the pooler drops the URL's schema parameter",
                    final=True,
                )
        return {"version": version, "refused_schemas": foreign, "identity": identity}


class SupabaseGate(CheckResource, module="checks", name="Supabase"):
    """Both URLs log in, the role owns its schema, and it was seen being refused in every other one.

    The schema is the one that was proven before, not an empty one under the same name.

    Args:
        inputs: `direct_url`, `pooled_url` (secrets), `schema`, `floor` (major version), `watch`.
    """

    provider = SupabaseProvider


class SnapshotProvider(dynamic.ResourceProvider):
    """Of a resource that former versions declared; the engine still asks it to forget that one."""


class UntouchedProvider(CheckProvider):
    """See `ForeignUntouched`."""

    label = "foreign schemas after the migrations"
    libraries = ("psycopg",)
    secrets = ("admin_url",)
    keys = ("admin_url", "schema", "before", "image")

    def probe(self, inputs: Inputs) -> Evidence:
        before, seen = inputs["before"]["objects"], foreign_snapshot(inputs["admin_url"], inputs["schema"])
        after = seen["objects"]
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if changed:
            more = [f"and {len(changed) - NAMED_CHANGES} more"] if len(changed) > NAMED_CHANGES else []
            raise CheckFailedError(
                "catalog of every schema but Langfuse's, before and after the migrations",
                f"changed: {', '.join([*changed[:NAMED_CHANGES], *more])}",
                "find out what changed them: Langfuse's role must not be able to. Nothing was undone. If it was their "
                "owner, the next run compares with how they are then",
                final=True,
            )
        emptied = sorted(set(inputs["before"].get("filled", ())) & set(seen["empty"]))
        return {"objects": len(after), "sha256": inputs["before"]["sha256"], "emptied": emptied}


class ForeignUntouched(CheckResource, module="checks", name="ForeignUntouched"):
    """Every schema that is not Langfuse's is defined as it was before the migrations.

    Rows come and go there by their owners, and Langfuse's role was seen being refused: a table that was emptied
    meanwhile is evidence, and no failure.

    Args:
        inputs: `admin_url` (secret), `schema`, `before` (see `foreign_snapshot`), `image` (the web that migrated).
    """

    provider = UntouchedProvider


def foreign_snapshot(admin_url: str, own_schema: str) -> Evidence:
    """How every schema but `own_schema` is defined, and which tables there have rows.

    Raises:
        CheckFailedError: the catalog cannot be read.
    """
    with connection(admin_url, "to read the catalog") as db:
        objects = dict(query(db, "schema_objects.sql", {"own": own_schema}))
        tables = query(db, "schema_filled.sql", {"own": own_schema})
    digest = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()
    filled, empty = (sorted(name for name, has_rows in tables if has_rows is wanted) for wanted in (True, False))
    return {"taken_at": now(), "sha256": digest, "objects": objects, "filled": filled, "empty": empty}


def applied_migrations(direct_url: str, schema: str) -> int:
    """Number of finished migrations in Langfuse's Postgres ledger.

    Raises:
        CheckFailedError: the ledger cannot be read, or a migration was started and never finished.
    """
    from psycopg import sql

    text = (SQL / "postgres_ledger.sql").read_text(encoding="utf-8")
    with connection(direct_url, "to read the ledger") as db:
        finished, unfinished = query(db, sql.SQL(text).format(schema=sql.Identifier(schema)).as_string(db))[0]
    if unfinished:
        raise CheckFailedError(
            f"{schema}._prisma_migrations",
            f"unfinished: {unfinished}",
            "see web's log for the statement that failed, mend its cause, then `prisma migrate resolve`; never reset",
        )
    return int(finished)


def _database(inputs: Inputs) -> str:
    """URL of the database that the schema is in, which is made where it is to be one of its own."""
    from psycopg import sql

    admin_url: str = inputs["admin_url"]
    if not (name := inputs.get("database")):
        return admin_url
    with connection(admin_url, "to make a database") as db:
        present = query(db, "SELECT 1 FROM pg_database WHERE datname = %(name)s", {"name": name})
        for file in (*([] if present else ["database_create.sql"]), "database_private.sql"):
            with findings(file):
                db.execute(sql.SQL((SQL / file).read_text(encoding="utf-8")).format(database=sql.Identifier(name)))
    return replace(postgres_url(admin_url), path=name).prisma()


def _identity(db: "Connection[Any]", schema: str) -> Identity:
    """The schema's mark; none when there is no schema, or when somebody else made it."""
    marks = [str(mark) for (mark,) in query(db, "schema_identity.sql", {"schema": schema}) if mark]
    return {f"schema {schema}": marks[0]} if marks else {}


def _is_ours(db: "Connection[Any]", inputs: Inputs, *, is_known: bool) -> None:
    """Refuse a schema that another stack has marked, or that holds data which this one neither made nor has keys of."""
    schema, ours = inputs["schema"], inputs["owner"]
    for owner, keys, holds_tables in query(db, "schema_owner.sql", {"schema": schema}):
        if owner and owner != ours:
            seen = f"of stack {owner}, and this is stack {ours}"
        elif holds_tables and not owner and not is_known and not inputs.get("takes_over"):
            seen = f"of nobody that stack {ours} knows, and there is data in it"
        else:
            _written_with(schema, keys, inputs.get("data_keys"))
            continue
        raise CheckFailedError(
            f"owner of schema {schema}",
            seen,
            "work on the state that made it (PULUMI_BACKEND_URL); if that is lost, put STACK_ID, SALT and "
            "ENCRYPTION_KEY of that stack into the vault (docs/data-safety.md, Shared production); nothing was changed",
            final=True,
        )


def refuse_other_keys(admin_url: str, schema: str, data_keys: str) -> None:
    """Stop where the schema's mark says that its data was written with other keys; see `data_keys.fingerprint_of`.

    Raises:
        CheckFailedError: it does, or the server does not let itself be asked.
    """
    with connection(admin_url, "to see which keys the data was written with") as db:
        for _, keys, _ in query(db, "schema_owner.sql", {"schema": schema}):
            _written_with(schema, keys, data_keys)


def _written_with(schema: str, keys: str | None, ours: str | None) -> None:
    if keys and ours and keys != ours:
        raise CheckFailedError(
            f"fingerprint of SALT and ENCRYPTION_KEY in the comment of schema {schema}",
            "its data was written with another SALT, another ENCRYPTION_KEY, or both",
            "put those of the stack that wrote it into the vault; with others its API keys and what it encrypted are "
            "lost. Nothing was changed",
            final=True,
        )


def _scram_verifier(db: "Connection[Any]", role: str, password: str) -> str:
    """What the server stores for `password`, made here so that the password itself never reaches a server log."""
    return db.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


def _direct_is_no_transaction_pooler(url: str) -> None:
    if parsed(url, "through DIRECT_URL").port == TRANSACTION_POOLER_PORT:
        raise CheckFailedError(
            "port of DIRECT_URL",
            f"{TRANSACTION_POOLER_PORT}, Supabase's transaction pooler",
            "migrations hold a session lock: use the direct or the session-pooler URL (port 5432)",
            final=True,
        )


def _owns_schema(db: "Connection[Any]", schema: str) -> None:
    owner = "SELECT pg_get_userbyid(nspowner) = current_user FROM pg_namespace WHERE nspname = %(schema)s"
    rows = query(db, owner, {"schema": schema})
    if not rows or not rows[0][0]:
        seen = "owned by another role" if rows else "absent"
        raise CheckFailedError(
            owner, f"schema {schema} is {seen}", "ALTER SCHEMA … OWNER TO the Langfuse role", final=True
        )
