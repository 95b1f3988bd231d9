"""Applies the image's Postgres migrations with the ledger, the lock and the error codes of `prisma migrate deploy`."""

from __future__ import annotations

import hashlib
import logging
import uuid
from typing import TYPE_CHECKING, cast

import psycopg
from psycopg import errors, sql

from standin.migrate.errors import ForeignLedgerError, MigrationError
from standin.statements import statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from standin.database_url import DatabaseUrl
    from standin.layout import Layout

LEDGER = "_prisma_migrations"
MARK = "langfuse_standin"
ADVISORY_LOCK = 72707369
LOCK_TIMEOUT_MS = 10_000

log = logging.getLogger("prisma")


def migrate_postgres(database: DatabaseUrl, layout: Layout) -> None:
    """Bring the schema of the address up to what the image ships.

    Raises:
        MigrationError: With Prisma's code P1000, P1001, P1002, P1003, P3005, P3009 or P3018; or the database's own,
            as 40P01 (deadlock) when two webs start at once and one makes an index while the other waits for the lock.
    """
    with _connect(database) as connection:
        run = _Run(connection, database.schema)
        try:
            run.clean_up(layout.cleanup)
            run.deploy(layout.postgres, database.place)
        except psycopg.Error as error:
            raise MigrationError(f"Database error code: {error.sqlstate} Database error: {error}") from error


def _connect(database: DatabaseUrl) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        connection = psycopg.connect(**cast("dict[str, Any]", database.connection), autocommit=True)
    except psycopg.OperationalError as error:
        raise MigrationError(_connect_message(database, str(error))) from error
    if not database.pgbouncer:
        connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(database.schema)))
    return connection


def _connect_message(database: DatabaseUrl, text: str) -> str:
    if "password authentication failed" in text or "no pg_hba.conf entry" in text:
        user = database.connection.get("user", "")
        return f"P1000: Authentication failed against database server, credentials for `{user}` are not valid."
    if "does not exist" in text and "database" in text:
        return f"P1003: Database `{database.connection['dbname']}` does not exist on `{database.place}`."
    if "too many connections" in text or "remaining connection slots" in text:
        return f"P2037: Too many database connections opened at `{database.place}`."
    return f"P1001: Can't reach database server at `{database.place}`"


class _Run:
    """One run over one connection."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], schema: str) -> None:
        self._connection = connection
        self._schema = schema

    def clean_up(self, file: Path) -> None:
        try:
            self._connection.execute(file.read_bytes())
        except psycopg.Error as error:
            log.warning("cleanup.sql failed and is ignored: %s", error)

    def deploy(self, folder: Path, place: str) -> None:
        self._ensure_schema()
        self._lock(place)
        tables = {name for (name,) in self._query("tables_in_schema", {"schema": self._schema})}
        if LEDGER not in tables and tables:
            raise MigrationError(
                f"P3005: The database schema `{self._schema}` is not empty. It holds {', '.join(sorted(tables)[:3])}…"
            )
        self._execute("ledger_create")
        finished = self._finished()
        if finished and MARK not in tables:
            raise ForeignLedgerError(f"Postgres schema {self._schema!r}")
        self._execute("mark_standin")
        pending = [entry for entry in sorted(folder.iterdir()) if entry.name not in finished]
        for entry in pending:
            self._apply(entry)
        log.info("%s Postgres migrations applied, %s were there", len(pending), len(finished))

    def _ensure_schema(self) -> None:
        if self._query("schema_exists", {"schema": self._schema}):
            return
        try:
            self._connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self._schema)))
        except errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"P1010: The user was denied access: schema `{self._schema}` is absent and it may not create it"
            ) from error

    def _lock(self, place: str) -> None:
        try:
            self._connection.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
            self._connection.execute(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
            self._connection.execute("SET lock_timeout = 0")
        except errors.LockNotAvailable as error:
            raise MigrationError(
                f"P1002: The database server at `{place}` was reached but timed out."
                f" Timed out trying to acquire a postgres advisory lock ({ADVISORY_LOCK}) within {LOCK_TIMEOUT_MS} ms."
            ) from error

    def _finished(self) -> set[str]:
        rows = self._query("ledger_read", {})
        for name, finished, started_at in rows:
            if not finished:
                raise MigrationError(
                    "P3009: migrate found failed migrations in the target database, new migrations will not be applied."
                    f" The `{name}` migration started at {started_at} failed"
                )
        return {name for name, _, _ in rows}

    def _apply(self, entry: Path) -> None:
        script = (entry / "migration.sql").read_bytes()
        row = {"id": str(uuid.uuid4())}
        self._execute("ledger_start", {**row, "checksum": hashlib.sha256(script).hexdigest(), "name": entry.name})
        log.info("Applying migration `%s`", entry.name)
        try:
            self._connection.execute(script)
        except psycopg.Error as error:
            self._execute("ledger_fail", {**row, "logs": str(error)})
            raise MigrationError(
                f"P3018: A migration failed to apply. New migrations cannot be applied before it is recovered from."
                f" Migration name: {entry.name} Database error code: {error.sqlstate} Database error: {error}"
            ) from error
        self._execute("ledger_finish", row)

    def _execute(self, name: str, parameters: Mapping[str, Any] | None = None) -> None:
        self._connection.execute(self._compose(name), parameters)

    def _query(self, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self._connection.execute(self._compose(name), parameters).fetchall()

    def _compose(self, name: str) -> sql.Composed:
        return sql.SQL(statement(f"postgres/{name}")).format(schema=sql.Identifier(self._schema))
