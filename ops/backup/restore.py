"""Restores a backup under new names, and compares what came out with what went in."""

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from components.gateway_database import SCHEMA as GATEWAY_SCHEMA
from ops.backup import clickhouse, postgres
from ops.backup.access import Access
from ops.backup.manifest import DUMP, GATEWAY_DUMP, Manifest, Postgres, Table
from ops.backup.store import Store
from ops.backup.verify import problems
from ops.session import OpsError, RefusedError

Progress = Callable[[str], None]
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
RESERVED = re.compile(r"pg_.*|public|postgres|default|system|information_schema|template[01]")


@dataclass(frozen=True)
class Compared:
    """One table after a restore."""

    store: str
    table: str
    wanted: Table | None
    found: Table | None

    @property
    def same(self) -> bool:
        """Whether it holds what was backed up."""
        return self.wanted == self.found


def require_new(to: Access, into: str) -> None:
    """Refuse a name that is not plain, or that something has already.

    Raises:
        RefusedError: with the reason; nothing was touched.
    """
    if not NAME.fullmatch(into) or RESERVED.fullmatch(into):
        raise RefusedError(f"{into!r} cannot be restored into: use a new name of a-z, 0-9 and _; nothing was touched")
    if into in {to.database, to.schema, GATEWAY_SCHEMA}:
        raise RefusedError(f"{into} is what the stack works with: restore into a new name; nothing was touched")
    client = to.clickhouse.connect()
    try:
        taken = clickhouse.exists(client, into)
    finally:
        client.close()
    if taken:
        raise RefusedError(f"ClickHouse has a database {into} already: restore into a new name; nothing was touched")
    for server in filter(None, (to.postgres, to.gateway)):
        if postgres.exists(server, into):
            raise RefusedError(f"Postgres has a schema {into} already: restore into a new name; nothing was touched")


def require_sound(store: Store, manifest: Manifest, progress: Progress) -> None:
    """Refuse a backup that is not as it was written.

    Raises:
        OpsError: names everything that is not.
    """
    if found := problems(store, manifest, read_data=False, progress=progress):
        lines = "\n".join(f"  {line}" for line in found)
        raise OpsError(f"backup {manifest.id} is damaged, and was not restored:\n{lines}")


def restore(to: Access, manifest: Manifest, into: str, progress: Progress) -> list[Compared]:
    """Restore a backup as a new database and a new schema, both called `into`; the gateway's as a schema of it too.

    Args:
        to: the stack.
        manifest: of the backup.
        into: a new name.
        progress: is told what is being done.

    Raises:
        OpsError: it is damaged, or could not be restored; names what was begun.
    """
    require_new(to, into)
    require_sound(to.store, manifest, progress)
    progress("ClickHouse")
    try:
        compared = list(restore_clickhouse(to.clickhouse, to.store, manifest, into, progress))
        progress("Postgres")
        with dump_of(to.store, manifest) as dump:
            postgres.restore_as(to.postgres, dump, manifest.postgres.schema_name, into)
        if manifest.gateway and to.gateway:
            progress("the gateway's database")
            with dump_of(to.store, manifest, GATEWAY_DUMP) as dump:
                postgres.restore_as(to.gateway, dump, manifest.gateway.schema_name, into)
    except OpsError as error:
        raise OpsError(
            f"{error}\nwhat was restored so far stays below the name {into}, and Langfuse does not use it: "
            "take another name for the next try"
        ) from None
    compared += compare_postgres(to.postgres, manifest.postgres, into)
    if manifest.gateway and to.gateway:
        compared += compare_postgres(to.gateway, manifest.gateway, into, "gateway")
    return compared


def restore_clickhouse(
    server: clickhouse.Server, store: Store, manifest: Manifest, into: str, progress: Progress
) -> Iterator[Compared]:
    """Restore ClickHouse's database, read all of it, and compare its tables.

    Raises:
        OpsError: it could not be restored, or holds damaged parts.
    """
    wanted = manifest.clickhouse
    client = server.connect()
    try:
        run = f"{manifest.id}-as-{into}"
        place, clustered = store.place(manifest.id), server.clustered
        clickhouse.restore(client, wanted.database, into, place, run=run, progress=progress, clustered=clustered)
        found = clickhouse.restored_tables(client, into)
        if damaged := clickhouse.damaged(client, into, progress):
            raise OpsError(f"the restored database {into} is damaged: {'; '.join(damaged)}")
        clickhouse.resume_merges(client, into, clustered=clustered)
    finally:
        client.close()
    yield from _compare("ClickHouse", wanted.tables, found)


def compare_postgres(server: postgres.Server, wanted: Postgres, schema: str, store: str = "Postgres") -> list[Compared]:
    """Compare the tables of a restored schema."""
    with postgres.snapshot(server, schema) as (_, seen):
        return list(_compare(store, wanted.tables, seen.tables))


@contextlib.contextmanager
def dump_of(store: Store, manifest: Manifest, name: str = DUMP) -> Iterator[IO[bytes]]:
    """The dump of a backup as a file, for the time of the block.

    Raises:
        OpsError: it is not what was written.
    """
    part = manifest.part(name)
    with tempfile.TemporaryFile() as file:
        if store.copy_to(part.key, file) != part.sha256:
            raise OpsError(f"{part.key}: holds other bytes than were written")
        file.seek(0)
        yield file


def _compare(store: str, wanted: Sequence[Table], found: Sequence[Table]) -> Iterator[Compared]:
    before, after = ({table.name: table for table in tables} for tables in (wanted, found))
    for name in sorted(before.keys() | after.keys()):
        yield Compared(store, name, before.get(name), after.get(name))
