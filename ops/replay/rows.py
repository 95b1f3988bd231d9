"""Which rows there are, and which are gone because somebody deleted them through Langfuse."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.postgres import query
from ops.backup.errors import told
from ops.replay.raw import in_batches
from ops.replay.window import Window

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from psycopg import Connection

CLICKHOUSE_TIME = "%Y-%m-%d %H:%M:%S"
MAX_IDS = 1000
"""In one query, whose parameters travel in its address."""
SQL = Path(__file__).parent / "sql"
AROUND = timedelta(days=1)
"""Rows are mostly of about the time at which their raw events were written, and there they are found fast."""
ALL_TIME = Window(datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Table:
    """One of Langfuse's tables of events."""

    name: str
    id: str
    time: str


TRACES = Table("traces", "id", "timestamp")
OBSERVATIONS = Table("observations", "id", "start_time")
SCORES = Table("scores", "id", "timestamp")
SPANS = Table("events_full", "span_id", "start_time")


@dataclass(frozen=True)
class Rows:
    """Langfuse's databases, to read."""

    clickhouse: "Client"
    database: str
    postgres: "Connection[Any]"
    schema: str

    def projects(self) -> Iterator[tuple[str, int | None]]:
        """Every project that Langfuse has not deleted, and how many days it keeps what it has; None for ever."""
        with told("read Langfuse's projects"):
            yield from query(self.postgres, self._in_schema("projects.sql"))

    def present(self, table: Table, project: str, ids: Collection[str], near: Window) -> set[str]:
        """Those of `ids` that have a row, also one that says that it is deleted.

        Args:
            table: which.
            project: whose.
            ids: bounded by the caller.
            near: where to look first; what is not there is looked for everywhere.
        """
        found = self._ids(table, project, ids, Window(near.start - AROUND, near.end + AROUND))
        if left := set(ids) - found:
            found |= self._ids(table, project, left, ALL_TIME)
        return found

    def deleted(self, project: str, traces: Collection[str]) -> set[str]:
        """Those of `traces` that somebody deleted through Langfuse, or asked it to."""
        found: set[str] = set()
        for batch in in_batches(sorted(traces), MAX_IDS):
            known = {"project": project, "ids": batch}
            with told("read which traces Langfuse was asked to delete"):
                found |= {str(row[0]) for row in query(self.postgres, self._in_schema("deletions.sql"), known)}
            found |= {str(row[0]) for row in self._rows("deleted_files.sql", known)}
        return found

    def _ids(self, table: Table, project: str, ids: Collection[str], window: Window) -> set[str]:
        asked = {
            "table": table.name,
            "id": table.id,
            "time": table.time,
            "start": f"{window.start:{CLICKHOUSE_TIME}}",
            "end": f"{window.end:{CLICKHOUSE_TIME}}",
            "project": project,
        }
        batches = in_batches(sorted(ids), MAX_IDS)
        return {str(row[0]) for batch in batches for row in self._rows("rows.sql", {**asked, "ids": batch})}

    def _rows(self, file: str, parameters: Mapping[str, Any]) -> list[Any]:
        with told(f"compare with {self.database}"):
            known = {**parameters, "database": self.database}
            return list(self.clickhouse.query(_text(file), parameters=known).result_rows)

    def _in_schema(self, file: str) -> str:
        from psycopg import sql

        return sql.SQL(_text(file)).format(schema=sql.Identifier(self.schema)).as_string(self.postgres)


def _text(file: str) -> str:
    return (SQL / file).read_text(encoding="utf-8").strip()
