"""What a retention of so many days would take away, counted; nothing here takes anything away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops.backup.access import Access
from ops.retention import buckets, clickhouse
from ops.retention.buckets import Prefix
from ops.retention.clickhouse import Table

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is older than a moment."""

    days: int
    cutoff: datetime
    tables: Sequence[Table]
    prefixes: Sequence[Prefix]

    @property
    def rows(self) -> int:
        """Rows that would go."""
        return sum(table.rows for table in self.tables)

    @property
    def size(self) -> int:
        """Bytes that would go, of rows, objects and older versions."""
        below = sum(prefix.old.size + prefix.old_versions.size for prefix in self.prefixes if not prefix.kept)
        return sum(table.size for table in self.tables) + below


def plan(to: Access, days: int, *, now: datetime | None = None, progress: Progress = lambda _: None) -> Plan:
    """Count what is older than `days`.

    Args:
        to: the stack.
        days: that would be kept.
        now: from when on they count backwards; the present if None.
        progress: is told what is being counted.

    Raises:
        OpsError: a store does not answer.
    """
    cutoff = (now or datetime.now(UTC)) - timedelta(days=days)
    tables = clickhouse.old(to, cutoff, progress)
    return Plan(days, cutoff, tables, buckets.old(to.store, cutoff, progress))
