"""What a stack holds, counted before and after, and whether anything of it went missing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.base import CheckFailedError, until_healthy
from checks.clickhouse_login import rows
from checks.trace import SEE_WEB_LOG, PublicApi, answered
from components.releases import WriteMode
from ops.backup import postgres
from ops.backup.access import Access as Stores
from ops.backup.errors import told

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

SQL = Path(__file__).with_name("sql")
OWN_NOTES = frozenset({"background_migrations", "_prisma_migrations"})
"""Postgres tables in which Langfuse keeps its own notes, and from which its migrations take some."""
READ_SECONDS = 60


@dataclass(frozen=True)
class Holdings:
    """Rows of every table, and traces that could be read."""

    clickhouse: Mapping[str, int]
    """Rows that are seen: versions of the same row count once."""
    postgres: Mapping[str, int]
    traces: tuple[str, ...]
    """Ids of the newest ones and of the oldest."""

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(self.clickhouse.values()) + sum(self.postgres.values())


def holdings(stores: Stores, project: str, mode: WriteMode) -> Holdings:
    """Count a stack's rows, and pick traces to read again.

    Args:
        stores: of the stack.
        project: whose keys the stack has.
        mode: which tables its traces are in.

    Raises:
        OpsError: a store does not answer.
    """
    with told("count the rows"):
        client = stores.clickhouse.connect()
        try:
            tables = {str(name): bool(final) for name, final in rows(client, _read("tables"), database=stores.database)}
            counted = {name: _count(client, stores, name, final=final) for name, final in tables.items()}
            sampled = sample(client, stores.database, project, mode)
        finally:
            client.close()
        with postgres.snapshot(stores.postgres, stores.schema) as (_, seen):
            held = {table.name: table.rows for table in seen.tables if table.name not in OWN_NOTES}
    return Holdings(counted, held, sampled)


def sample(client: "Client", database: str, project: str, mode: WriteMode) -> tuple[str, ...]:
    """Ids of a project's newest traces and of its oldest; none where there is no table of them yet."""
    query, table = ("sample_events", "events_full") if mode == "events_only" else ("sample_traces", "traces")
    if not rows(client, _read("present_table"), database=database, table=table)[0][0]:
        return ()
    return tuple(sorted(str(row[0]) for row in rows(client, _read(query), database=database, project=project)))


def losses(before: Holdings, after: Holdings) -> list[str]:
    """Every table that has fewer rows than before, in words; an empty one may be gone."""
    return [
        *_fewer("ClickHouse", before.clickhouse, after.clickhouse),
        *_fewer("Postgres", before.postgres, after.postgres),
    ]


def unreadable(api: PublicApi, read_path: str, traces: tuple[str, ...]) -> list[str]:
    """Traces that Langfuse does not give back, in words.

    Args:
        api: Langfuse, with the keys of the traces' project.
        read_path: of the release, by `{trace_id}`.
        traces: ids.
    """
    found = []
    for trace in traces:

        def read(trace: str = trace) -> None:
            url = api.url + read_path.format(trace_id=trace)
            body = answered("GET", url, SEE_WEB_LOG, auth=(api.public_key, api.secret_key))
            if "data" in body and not body["data"]:
                raise CheckFailedError(f"GET {url}", "nothing", SEE_WEB_LOG)

        try:
            until_healthy(read, deadline_seconds=READ_SECONDS)
        except CheckFailedError as failure:
            found.append(f"trace {trace} cannot be read: {failure.seen}")
    return found


def _count(client: Any, stores: Stores, table: str, *, final: bool) -> int:
    statement = _read("count_final" if final else "count")
    return int(rows(client, statement, database=stores.database, table=table)[0][0])


def _fewer(store: str, before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[str]:
    for table, count in sorted(before.items()):
        left = after.get(table, 0)
        if left < count:
            yield f"{store} {table}: {left:,} rows of {count:,}"


def _read(file: str) -> str:
    return (SQL / f"{file}.sql").read_text(encoding="utf-8").strip()
