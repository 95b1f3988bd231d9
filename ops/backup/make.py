"""Makes one backup. Its manifest is written last: what has none is not a backup."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from checks.clickhouse import ledger
from components.gateway_database import SCHEMA as GATEWAY_SCHEMA
from ops.backup import clickhouse, contents, listing, postgres
from ops.backup.access import Access
from ops.backup.catalog import newest
from ops.backup.contents import Contents
from ops.backup.errors import told
from ops.backup.manifest import (
    DUMP,
    GATEWAY_DUMP,
    LISTING,
    NAME,
    ClickHouse,
    Kind,
    Manifest,
    Object,
    Part,
    Postgres,
    new_id,
)
from ops.session import OpsError

Progress = Callable[[str], None]


def back_up(to: Access, *, incremental: bool = False, progress: Progress = lambda _: None) -> Manifest:
    """Back up ClickHouse's database and Postgres' schema, and list the buckets.

    Args:
        to: the stack.
        incremental: write of ClickHouse only what the newest backup does not hold; all of it when there is none.
        progress: is told what is being done.

    Returns:
        the manifest, as it was written.

    Raises:
        OpsError: something failed; the backup then has no manifest, and is none.
    """
    found = newest(to.store) if incremental else None
    base = found.id if found else None
    kind: Kind = "incremental" if base else "full"
    backup, started = new_id(kind), datetime.now(UTC)
    progress(f"ClickHouse to {backup}")
    with ThreadPoolExecutor(1) as meanwhile:
        of_postgres = meanwhile.submit(_dumped, to, to.postgres, to.schema, f"{backup}/{DUMP}")
        of_gateway = (
            meanwhile.submit(_dumped, to, to.gateway, GATEWAY_SCHEMA, f"{backup}/{GATEWAY_DUMP}")
            if to.gateway
            else None
        )
        clickhouse_part, written = _clickhouse(to, backup, base, progress)
        progress("Postgres")
        postgres_part, dump = of_postgres.result()
        gateway_part, *gateway_dump = of_gateway.result() if of_gateway else (None,)
    progress("listing the buckets")
    listed, buckets = listing.buckets(to.store, backup)
    manifest = Manifest(
        id=backup,
        kind=kind,
        base=base,
        stack=to.stack,
        langfuse=to.langfuse,
        started=started,
        finished=datetime.now(UTC),
        clickhouse=clickhouse_part,
        postgres=postgres_part,
        buckets=buckets,
        parts=[dump, written, listed, *gateway_dump],
        gateway=gateway_part,
    )
    to.store.put_text(f"{backup}/{NAME}", manifest.as_json())
    return manifest


def _clickhouse(to: Access, backup: str, base: str | None, progress: Progress) -> tuple[ClickHouse, Part]:
    client = to.clickhouse.connect()
    try:
        before = clickhouse.facts(client, to.database)
        started = datetime.now(UTC)
        source = to.store.place(base) if base else None
        with _allowed(to):
            clickhouse.back_up(client, to.database, to.store.place(backup), run=backup, base=source, progress=progress)
        seconds = (datetime.now(UTC) - started).total_seconds()
        known = {**before, **clickhouse.facts(client, to.database)}
        with told("read ClickHouse's ledger"):
            newest_migration = ledger(client, to.clickhouse.login)
        version = str(client.server_version)
    finally:
        client.close()
    held, objects = _complete(to, backup)
    part = ClickHouse(
        version=version,
        database=to.database,
        ledger=newest_migration,
        tables=clickhouse.tables(held.parts, held.tables, known),
        files=held.files,
        objects=len(objects),
        size=sum(entry.size for entry in objects),
        written_seconds=seconds,
    )
    return part, listing.write(to.store, f"{backup}/{LISTING}", objects)


@contextmanager
def _allowed(to: Access) -> Iterator[None]:
    """Say of a refusal that a managed service may not allow backups at all."""
    try:
        yield
    except OpsError as error:
        if not to.clickhouse.login.is_external:
            raise
        raise OpsError(
            f"{error}\nClickHouse is somebody else's, and a managed service may refuse BACKUP TO S3: it makes backups "
            "of its own, and this command has none to offer there"
        ) from None


def _complete(to: Access, backup: str) -> tuple[Contents, list[Object]]:
    """What ClickHouse wrote, seen to be all of what it says it wrote."""
    prefix = f"{backup}/clickhouse/"
    objects: list[Object] = [entry for entry in to.store.versions(prefix) if entry.latest and not entry.removed]
    sizes = {entry.key.removeprefix(prefix): entry.size for entry in objects}
    if contents.FILE not in sizes:
        raise OpsError(f"ClickHouse did not finish {backup}: it wrote no list of its files; run again")
    held = contents.read(b"".join(to.store.chunks(prefix + contents.FILE)), to.database)
    lacking = [name for name, size in held.stored.items() if sizes.get(name) != size]
    if lacking:
        raise OpsError(f"ClickHouse did not finish {backup}: {lacking[0]} is missing or cut short; run again")
    return held, objects


def _dumped(to: Access, server: postgres.Server, schema: str, key: str) -> tuple[Postgres, Part]:
    with postgres.snapshot(server, schema) as (moment, seen):
        options = ("--format=custom", f"--schema={schema}", f"--snapshot={moment}")
        with server.tool("pg_dump", *options) as dump:
            part = to.store.put(key, dump)
    record = Postgres(
        version=seen.version, schema_name=schema, ledger=seen.ledger, owner=seen.owner, tables=seen.tables
    )
    return record, part
