"""Applies the image's ClickHouse migrations over the native port, with golang-migrate's ledger and messages."""

from __future__ import annotations

import logging
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clickhouse_driver import Client
from clickhouse_driver import errors as driver_errors

from standin.migrate.errors import ForeignLedgerError, MigrationError
from standin.statements import statement

if TYPE_CHECKING:
    from pathlib import Path

    from standin.layout import Layout
    from standin.migrate.clickhouse_url import MigrationTarget

CONNECT_TIMEOUT_SECONDS = 10
HELLO_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 300
BAD_CONNECTION = "driver: bad connection"
HTTP_ANSWER = "[hello] unexpected packet [72] from server"
MARK = "langfuse_standin"

log = logging.getLogger("migrate")


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    path: Path

    def statements(self) -> list[str]:
        """The file split at semicolons, as naively as the real tool does it."""
        parts = self.path.read_text(encoding="utf-8").split(";")
        return [part.strip() for part in parts if part.strip()]


def shipped_migrations(layout: Layout, *, clustered: bool, old_server: bool) -> list[Migration]:
    """What the image ships, in order; for an old server with the replaced files."""
    found: dict[int, Migration] = {}
    folders = [layout.clickhouse(clustered=clustered)]
    if old_server:
        folders.append(layout.old_clickhouse(clustered=clustered))
    for folder in folders:
        for path in folder.glob("*.up.sql"):
            version = int(path.name.partition("_")[0])
            found[version] = Migration(version, path.name.removesuffix(".up.sql"), path)
    return [found[version] for version in sorted(found)]


def migrate_clickhouse(target: MigrationTarget, layout: Layout) -> None:
    """Apply what the ledger says is missing.

    Two runs at once are not kept apart: the real tool's lock ends at its own process too.

    Raises:
        MigrationError: With golang-migrate's text.
    """
    client = _connect(target)
    try:
        _Run(client, target, layout).up()
    finally:
        client.disconnect()  # type: ignore[no-untyped-call]


def _connect(target: MigrationTarget) -> Client:
    probe = _client(target, answer_seconds=HELLO_TIMEOUT_SECONDS)
    try:
        probe.execute("SELECT 1")  # type: ignore[no-untyped-call]
    except driver_errors.ServerException as error:
        raise MigrationError(f"error: failed to open database: {_server_text(error)}") from error
    except (driver_errors.Error, EOFError, OSError) as error:
        raise MigrationError(f"error: failed to open database: {_network_text(target)}") from error
    finally:
        probe.disconnect()  # type: ignore[no-untyped-call]
    return _client(target, answer_seconds=STATEMENT_TIMEOUT_SECONDS)


def _client(target: MigrationTarget, *, answer_seconds: int) -> Client:
    return Client(  # type: ignore[no-untyped-call]
        target.host,
        port=target.port,
        user=target.user,
        password=target.password,
        database=target.database,
        secure=target.secure,
        verify=target.verify,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        send_receive_timeout=answer_seconds,
    )


def _network_text(target: MigrationTarget) -> str:
    try:
        with socket.create_connection((target.host, target.port), HELLO_TIMEOUT_SECONDS) as connection:
            connection.sendall(b"GET /ping HTTP/1.0\r\n\r\n")
            return HTTP_ANSWER if connection.recv(4) == b"HTTP" else BAD_CONNECTION
    except TimeoutError:
        return BAD_CONNECTION
    except OSError as error:
        return f"dial tcp {target.host}:{target.port}: {error.strerror}"


def _server_text(error: driver_errors.ServerException) -> str:
    message = str(error.message).partition("Stack trace:")[0].removeprefix("DB::Exception: ").strip()
    return f"code: {error.code}, message: {message}"


class _Run:
    """One `up` over one connection."""

    def __init__(self, client: Client, target: MigrationTarget, layout: Layout) -> None:
        self._client = client
        self._folder = layout.clickhouse(clustered=target.clustered)
        self._migrations = shipped_migrations(layout, clustered=target.clustered, old_server=target.old_server)
        self._database = target.database
        self._placement = {
            "on_cluster": f" ON CLUSTER {target.cluster_name}" if target.clustered else "",
            "engine": "ReplicatedMergeTree" if target.clustered else "MergeTree",
        }

    def up(self) -> None:
        tables = {name for (name,) in self._execute("SHOW TABLES")}
        if "schema_migrations" not in tables:
            self._execute(statement("clickhouse/ledger_create").format(**self._placement))
        version = self._current()
        if version is not None and MARK not in tables:
            raise ForeignLedgerError(f"ClickHouse database {self._database!r}")
        self._execute(statement("clickhouse/mark_standin").format(**self._placement))
        pending = [migration for migration in self._migrations if version is None or migration.version > version]
        for migration in pending:
            self._apply(migration)
        log.info("%s ClickHouse migrations applied", len(pending) or "no change: no")

    def _current(self) -> int | None:
        rows = self._execute(statement("clickhouse/ledger_current"))
        if not rows:
            return None
        version, dirty = rows[0]
        if dirty:
            raise MigrationError(f"error: Dirty database version {version}. Fix and force version.")
        if version not in {migration.version for migration in self._migrations}:
            raise MigrationError(
                f"error: no migration found for version {version}:"
                f" read down for version {version} {self._folder}: file does not exist"
            )
        return int(version)

    def _apply(self, migration: Migration) -> None:
        started = time.monotonic()
        self._append(migration.version, dirty=1)
        for text in migration.statements():
            self._execute(text)
        self._append(migration.version, dirty=0)
        log.info("%s/u %s (%.1fms)", migration.version, migration.name, (time.monotonic() - started) * 1000)

    def _append(self, version: int, *, dirty: int) -> None:
        self._execute(statement("clickhouse/ledger_append"), [(version, dirty, time.time_ns())])

    def _execute(self, text: str, rows: list[tuple[int, int, int]] | None = None) -> list[tuple[str | int, ...]]:
        try:
            return self._client.execute(text, rows) or []  # type: ignore[no-untyped-call]
        except driver_errors.ServerException as error:
            raise MigrationError(
                f"error: migration failed in line 0: {text} (details: {_server_text(error)})"
            ) from error
        except (driver_errors.Error, EOFError, OSError) as error:
            raise MigrationError(f"error: {BAD_CONNECTION}") from error
