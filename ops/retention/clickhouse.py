"""Rows that are older than a moment, by table and month, with the bytes that they take on disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template

from ops.backup.access import Access
from ops.backup.errors import told

SQL = Path(__file__).parent / "sql"
TIMES = {
    "traces": "timestamp",
    "observations": "start_time",
    "scores": "timestamp",
    "events_full": "start_time",
    "events_core": "start_time",
}
"""Tables that a retention is about, each with the column that a row's age is counted from. No other would lose rows."""


@dataclass(frozen=True)
class Month:
    """Rows of one month that are old enough."""

    month: str
    """`2026-01`."""
    rows: int
    size: int
    """Bytes: exact where whole partitions would go, else the partition's share."""
    whole: bool
    """Whether nothing stays of the partitions that these rows are in."""


@dataclass(frozen=True)
class Table:
    """One table of events."""

    name: str
    time: str
    """Column of a row's age."""
    months: Sequence[Month]
    all_rows: int
    all_size: int
    """Bytes of all rows."""

    @property
    def rows(self) -> int:
        """Rows that are old enough."""
        return sum(month.rows for month in self.months)

    @property
    def size(self) -> int:
        """Bytes of the rows that are old enough."""
        return sum(month.size for month in self.months)


def old(to: Access, cutoff: datetime, progress: Callable[[str], None]) -> list[Table]:
    """What is older than `cutoff` in each table that there is.

    Raises:
        OpsError: ClickHouse does not answer.
    """
    client = to.clickhouse.connect()
    try:
        with told(f"count old rows of {to.database}"):
            given = {"database": to.database, "names": sorted(TIMES)}
            present = client.query(_read("sizes.sql"), parameters=given).result_rows
            found = []
            for name, rows, size in present:
                progress(f"counting {name}")
                names = {"database": to.database, "table": name, "time": TIMES[name]}
                asked = {**names, "cutoff": f"{cutoff:%Y-%m-%d %H:%M:%S.%f}"}
                months = client.query(_read("old_rows.sql"), parameters=asked).result_rows
                found.append(
                    Table(
                        name,
                        TIMES[name],
                        [Month(at, old, taken, bool(whole)) for at, old, taken, whole in months],
                        rows,
                        size,
                    )
                )
            return found
    finally:
        client.close()


def rule(database: str, table: Table, days: int) -> str:
    """The statement that would make ClickHouse take old rows away by itself; no command of this stack runs it."""
    return Template(_read("ttl.sql")).substitute(database=database, table=table.name, time=table.time, days=days)


def _read(file: str) -> str:
    return (SQL / file).read_text(encoding="utf-8").strip()
