"""Restores the newest backup into servers of its own, and proves that Langfuse would find everything there."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from checks.base import CheckFailedError, until_healthy
from checks.clickhouse import ledger
from checks.clickhouse_login import Login, rows
from ops.backup import clickhouse, postgres, throwaway
from ops.backup.access import CLICKHOUSE, POSTGRES, Access
from ops.backup.errors import told
from ops.backup.manifest import Manifest
from ops.backup.restore import Compared, compare_postgres, dump_of, require_sound, restore_clickhouse
from ops.session import OpsError, RefusedError

Progress = Callable[[str], None]
START_SECONDS = 120
HTTP_PORT, POSTGRES_PORT = 8123, 5432
ALONE = Path(__file__).with_name("templates") / "alone.xml"
CLUSTER = "/etc/clickhouse-server/config.d/langfuse-cluster.xml"
"""What would have a throw-away server take part in the cluster that it is like."""
CONFIGURATION = {f"/etc/clickhouse-server/{name}": "/etc/clickhouse-server" for name in ("config.d", "users.d")}


@dataclass
class Rehearsal:
    """What came of it."""

    manifest: Manifest
    rpo_seconds: float
    """Age of the backup: what would have been lost."""
    rto_seconds: float = 0.0
    """From looking at the backup until all of it was back and proven."""
    steps: list[tuple[str, float, str]] = field(default_factory=list)
    """What was done, seconds, what was seen."""
    compared: list[Compared] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    """Containers that this rehearsal made, and removed."""

    @property
    def ok(self) -> bool:
        """Whether everything came back as it was."""
        return not self.findings and all(entry.same for entry in self.compared)


def rehearse(to: Access, manifest: Manifest, progress: Progress) -> Rehearsal:
    """Restore a backup into throw-away servers, compare all of it, and read it as Langfuse does.

    Args:
        to: the stack; its stores are only looked at.
        manifest: of the backup.
        progress: is told what is being done.

    Raises:
        OpsError: it could not be restored.
        RefusedError: the stack is on a platform without throw-away servers.
    """
    if not {CLICKHOUSE, POSTGRES} <= to.containers.keys():
        raise RefusedError(
            "rehearse makes servers of its own on Docker, and this stack is on another platform: "
            "`python -m ops restore --into NAME` there, or rehearse a Docker stack with the same bucket"
        )
    done = Rehearsal(manifest, manifest.age_seconds)
    started = time.monotonic()
    with ExitStack() as servers:
        with _step(done, "parts of the backup", progress) as say:
            require_sound(to.store, manifest, progress)
            say(f"{manifest.clickhouse.objects + len(manifest.parts)} objects as written")
        with _step(done, "throw-away servers", progress) as say:
            for live in (to.containers[CLICKHOUSE], to.containers[POSTGRES]):
                if old := throwaway.leftovers(live, to.postgres.variables):
                    progress(f"removed what a killed rehearsal left: {', '.join(old)}")
            server, reader = _clickhouse(to, done, servers)
            database = _postgres(to, done, servers)
            say("as the stack's own, empty")
        with _step(done, "ClickHouse", progress) as say:
            name = manifest.clickhouse.database
            done.compared += restore_clickhouse(server, to.store, manifest, name, progress)
            say(f"{sum(table.rows for table in manifest.clickhouse.tables):,} rows, every byte read")
        with _step(done, "Postgres", progress) as say:
            postgres.make_role(database, manifest.postgres.owner)
            with dump_of(to.store, manifest) as dump:
                postgres.restore(database, dump)
            done.compared += compare_postgres(database, manifest, manifest.postgres.schema_name)
            say(f"{sum(table.rows for table in manifest.postgres.tables):,} rows")
        with _step(done, "read as Langfuse", progress) as say:
            say(_smoke(to, manifest, reader, done))
    done.rto_seconds = time.monotonic() - started
    return done


def _clickhouse(to: Access, done: Rehearsal, servers: ExitStack) -> tuple[clickhouse.Server, Login]:
    copy = servers.enter_context(
        throwaway.like(
            to.containers[CLICKHOUSE],
            port=HTTP_PORT,
            folders=CONFIGURATION,
            variables=to.postgres.variables,
            files={CLUSTER: ALONE.read_text(encoding="utf-8")} if to.clickhouse.clustered else None,
        )
    )
    done.removed.append(copy.name)
    address = copy.addresses[HTTP_PORT]
    server = replace(to.clickhouse, login=replace(to.clickhouse.login, http_address=address))
    _wait("ClickHouse", lambda: server.login.connect().close())
    return server, replace(to.reader, http_address=address)


def _postgres(to: Access, done: Rehearsal, servers: ExitStack) -> postgres.Server:
    copy = servers.enter_context(
        throwaway.like(to.containers[POSTGRES], port=POSTGRES_PORT, folders={}, variables=to.postgres.variables)
    )
    done.removed.append(copy.name)
    server = replace(to.postgres, container=copy.name, url=_at(to.postgres.url, copy.addresses[POSTGRES_PORT]))

    def answers() -> None:
        try:
            with server.session() as db:
                db.execute("SELECT 1")
        except OpsError as error:
            raise CheckFailedError("SELECT 1", str(error), "see the container's log") from None

    _wait("Postgres", answers)
    return server


def _smoke(to: Access, manifest: Manifest, reader: Login, done: Rehearsal) -> str:
    """As Langfuse's own user: its migrations are as they were, and its traces can be read."""
    wanted = {table.name: table.rows for table in manifest.clickhouse.tables}
    with told("read the restored database as Langfuse"):
        client = reader.connect()
        try:
            if (found := ledger(client, reader)) != manifest.clickhouse.ledger:
                done.findings.append(f"ClickHouse's ledger is at {found}, not at {manifest.clickhouse.ledger}")
            if to.traces not in wanted:
                return f"ledger {found}; no table {to.traces} yet"
            query = "SELECT count() FROM {database:Identifier}.{table:Identifier}"
            [[seen]] = rows(client, query, database=reader.database, table=to.traces)
        finally:
            client.close()
    if seen != wanted[to.traces]:
        done.findings.append(f"{to.traces} has {seen} rows for Langfuse, not {wanted[to.traces]}")
    return f"ledgers {found} and {manifest.postgres.ledger}, {seen:,} rows of {to.traces}"


@contextmanager
def _step(done: Rehearsal, name: str, progress: Progress) -> Iterator[Callable[[str], None]]:
    progress(name)
    seen: list[str] = []
    started = time.monotonic()
    yield seen.append
    done.steps.append((name, time.monotonic() - started, " ".join(seen)))


def _wait(what: str, probe: Callable[[], object]) -> None:
    try:
        until_healthy(probe, deadline_seconds=START_SECONDS)
    except CheckFailedError as failure:
        raise OpsError(f"the throw-away {what} does not start: {failure}") from None


def _at(url: str, address: str) -> str:
    """`url` with another host and port, and the database that every server has."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[0]}@{address}/postgres"
