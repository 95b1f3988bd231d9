"""Restores the newest backup into servers of its own, and proves that Langfuse finds everything there and works."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from checks.base import CheckFailedError, until_healthy
from checks.clickhouse import ledger
from checks.clickhouse_login import Login, rows
from components.gateway_database import DATABASE as GATEWAY_DATABASE
from ops.backup import clickhouse, double, langfuse, postgres, throwaway
from ops.backup.access import CLICKHOUSE, POSTGRES, Access
from ops.backup.errors import told
from ops.backup.manifest import GATEWAY_DUMP, Manifest, Postgres
from ops.backup.rehearsal import Progress, Rehearsal
from ops.backup.restore import Compared, compare_postgres, dump_of, require_sound, restore_clickhouse
from ops.backup.store import Store
from ops.backup.throwaway import Copy
from ops.session import OpsError, RefusedError

START_SECONDS = 120
HTTP_PORT, POSTGRES_PORT = 8123, 5432
ALONE = Path(__file__).with_name("templates") / "alone.xml"
CLUSTER = "/etc/clickhouse-server/config.d/langfuse-cluster.xml"
"""What would have a throw-away server take part in the cluster that it is like."""
CONFIGURATION = {f"/etc/clickhouse-server/{name}": "/etc/clickhouse-server" for name in ("config.d", "users.d")}


def rehearse(to: Access, manifest: Manifest, progress: Progress) -> Rehearsal:
    """Restore a backup into throw-away servers, compare all of it, and run a throw-away Langfuse on it.

    Args:
        to: the stack; its stores are only looked at.
        manifest: of the backup.
        progress: is told what is being done.

    Raises:
        OpsError: it could not be restored.
        RefusedError: the stack is on a platform without throw-away servers, or a throw-away Langfuse would know a
            live one.
    """
    if not {CLICKHOUSE, POSTGRES} <= to.containers.keys():
        raise RefusedError(
            "rehearse makes servers like the stack's own containers, and this stack has its ClickHouse or Postgres "
            "elsewhere: `python -m ops restore --into NAME` there, or rehearse a Docker stack with the same bucket"
        )
    lacking = double.lacking(to)
    plan = None if lacking else double.planned(to)
    done = Rehearsal(manifest, manifest.age_seconds)
    started = time.monotonic()
    with ExitStack() as servers:
        with done.step("parts of the backup", progress) as say:
            require_sound(to.store, manifest, progress)
            say(f"{manifest.clickhouse.objects + len(manifest.parts)} objects as written")
        with done.step("throw-away servers", progress) as say:
            if old := throwaway.leftovers(list(to.containers.values()), to.docker):
                progress(f"removed what a killed rehearsal left: {', '.join(old)}")
            network = servers.enter_context(throwaway.network(to.containers[CLICKHOUSE], to.docker))
            done.removed.append(network)
            analytics, server, reader = _clickhouse(to, done, servers)
            relational, database = _postgres(to, done, servers, network)
            say("as the stack's own, empty")
        with done.step("ClickHouse", progress) as say:
            name = manifest.clickhouse.database
            done.compared += restore_clickhouse(server, to.store, manifest, name, progress)
            say(f"{sum(table.rows for table in manifest.clickhouse.tables):,} rows, every byte read")
        with done.step("Postgres", progress) as say:
            postgres.make_role(database, manifest.postgres.owner)
            with dump_of(to.store, manifest) as dump:
                postgres.restore(database, dump)
            done.compared += compare_postgres(database, manifest.postgres, manifest.postgres.schema_name)
            say(f"{sum(table.rows for table in manifest.postgres.tables):,} rows")
        if manifest.gateway:
            with done.step("the gateway's database", progress) as say:
                done.compared += restore_gateway(to.store, manifest, manifest.gateway, database)
                say(f"{sum(table.rows for table in manifest.gateway.tables):,} rows")
        with done.step("read as Langfuse", progress) as say:
            say(_read(to, manifest, reader, done))
        if plan:
            address = relational.addresses[POSTGRES_PORT]
            restored = langfuse.Restored(analytics, reader, database, address, network)
            langfuse.Proof(to, plan, restored, done, servers, progress).run()
        else:
            done.findings.append(lacking)
    done.rto_seconds = time.monotonic() - started
    return done


def _clickhouse(to: Access, done: Rehearsal, servers: ExitStack) -> tuple[Copy, clickhouse.Server, Login]:
    """On the live network for as long as it restores: the backup is in the live object store."""
    docker = to.docker
    like = throwaway.recipe(to.containers[CLICKHOUSE], docker)
    alone = {CLUSTER: ALONE.read_text(encoding="utf-8")} if to.clickhouse.clustered else {}
    made_from = replace(like, folders=CONFIGURATION, files=alone)
    copy = servers.enter_context(
        throwaway.started(made_from, docker, port=HTTP_PORT, network=next(iter(like.networks)))
    )
    done.removed.append(copy.name)
    address = copy.addresses[HTTP_PORT]
    server = replace(to.clickhouse, login=replace(to.clickhouse.login, http_address=address))
    _wait("ClickHouse", lambda: server.login.connect().close())
    return copy, server, replace(to.reader, http_address=address)


def _postgres(to: Access, done: Rehearsal, servers: ExitStack, network: str) -> tuple[Copy, postgres.Server]:
    docker = to.docker
    like = throwaway.recipe(to.containers[POSTGRES], docker)
    alias = double.ALIASES[POSTGRES]
    copy = servers.enter_context(throwaway.started(like, docker, port=POSTGRES_PORT, network=network, alias=alias))
    done.removed.append(copy.name)
    url = postgres.at(to.postgres.url, copy.addresses[POSTGRES_PORT])
    server = replace(to.postgres, container=copy.name, url=url)

    def answers() -> None:
        try:
            with server.session() as db:
                db.execute("SELECT 1")
        except OpsError as error:
            raise CheckFailedError("SELECT 1", str(error), "see the container's log") from None

    _wait("Postgres", answers)
    return copy, server


def restore_gateway(store: Store, manifest: Manifest, wanted: Postgres, server: postgres.Server) -> list[Compared]:
    """Restore the gateway's database into a server that has none, and compare it."""
    postgres.make_role(server, wanted.owner)
    database = postgres.make_database(server, GATEWAY_DATABASE)
    with dump_of(store, manifest, GATEWAY_DUMP) as dump:
        postgres.restore(database, dump)
    return compare_postgres(database, wanted, wanted.schema_name, "gateway")


def _read(to: Access, manifest: Manifest, reader: Login, done: Rehearsal) -> str:
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


def _wait(what: str, probe: Callable[[], object]) -> None:
    try:
        until_healthy(probe, deadline_seconds=START_SECONDS)
    except CheckFailedError as failure:
        raise OpsError(f"the throw-away {what} does not start: {failure}") from None
