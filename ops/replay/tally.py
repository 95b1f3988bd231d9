"""Counts what a replay sees. What must be counted once is kept on disk, so that no window is too long for memory."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from ops.replay.raw import RawEvent

MAX_EXAMPLES = 10
DELETED = "deleted"
PRIVATE_FILE = ""
"""Makes SQLite keep a database in a file of its own that nobody else sees, gone when it is closed."""


def _table() -> sqlite3.Connection:
    database = sqlite3.connect(PRIVATE_FILE)
    database.execute("CREATE TABLE seen (what, project, id, PRIMARY KEY (what, project, id)) WITHOUT ROWID")
    return database


@dataclass
class Tally:
    """What was seen so far.

    Args:
        progress: called now and then with how many objects were compared, and how many of them lack rows.
    """

    progress: Callable[[int, int], None] = lambda _read, _lost: None
    compared: Counter[str] = field(default_factory=Counter)
    """Kind of raw event to how many were compared."""
    lost: int = 0
    """Raw events of which rows are missing."""
    examples: list[str] = field(default_factory=list)
    """Keys of some of them."""
    broken: list[str] = field(default_factory=list)
    """Keys of some objects that could not be read."""

    _seen: sqlite3.Connection = field(default_factory=_table, repr=False)

    def read(self, kind: str, count: int) -> None:
        """So many objects of a kind are compared."""
        self.compared[kind] += count
        self.progress(self.compared.total(), self.lost)

    def unreadable(self, key: str) -> None:
        """An object is not what it should be."""
        self.compared["unreadable"] += 1
        self.broken = [*self.broken, key][:MAX_EXAMPLES]

    def deleted(self, project: str, traces: Collection[str]) -> None:
        """Traces were deleted on purpose."""
        self._once([(DELETED, project, trace) for trace in traces])

    def missing(self, event: RawEvent, rows: Sequence[tuple[str, str]]) -> None:
        """Rows (table and id) of a raw event are missing."""
        self.lost += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(event.key)
        self._once([(table, event.project, id_) for table, id_ in rows])

    @property
    def distinct(self) -> dict[str, int]:
        """Table to rows that are missing, and `DELETED` to traces that were deleted on purpose."""
        return dict(self._seen.execute("SELECT what, count(*) FROM seen GROUP BY what ORDER BY what").fetchall())

    def _once(self, rows: Sequence[tuple[str, str, str]]) -> None:
        self._seen.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", rows)
