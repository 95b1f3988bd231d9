"""Judges single statements against databases that hold rows."""

from policy.migrations import Existing, FileVerdict, Live, ShippedFile, Verdict, judge
from policy.migrations.model import Dialect

FULL = Existing("table", 7, frozenset({"id", "name", "value"}))
LIVE = Live(
    "langfuse",
    {
        "traces": FULL,
        "scores": FULL,
        "old": Existing("table", 0, frozenset({"id"})),
        "summary": Existing("view", 0),
        "stored_summary": Existing("view", 3),
        "background_migrations": FULL,
        "_prisma_migrations": FULL,
        "schema_migrations": FULL,
    },
)
EMPTY = Live("langfuse")


def file(dialect: Dialect, sql: str, name: str = "some") -> ShippedFile:
    return ShippedFile(dialect, name, sql, "0" * 64)


def judged(dialect: Dialect, sql: str, live: Live = LIVE) -> FileVerdict:
    [found] = judge([file(dialect, sql)], live)
    return found


def verdict(dialect: Dialect, sql: str, live: Live = LIVE) -> Verdict:
    return judged(dialect, sql, live).verdict
