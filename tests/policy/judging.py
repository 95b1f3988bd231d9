"""Judges single statements against databases that hold rows."""

from pathlib import Path

from policy.migrations import Existing, FileVerdict, Live, ShippedFile, Verdict, judge
from policy.migrations.model import Dialect

STATEMENTS = Path(__file__).parent / "statements"
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


def statements(dialect: Dialect, expected: str) -> list[str]:
    """Every statement of a dialect with that verdict."""
    return (STATEMENTS / dialect / f"{expected}.sql").read_text(encoding="utf-8").splitlines()


def cases(expected: str) -> list[tuple[Dialect, str]]:
    """Every statement with that verdict, of both dialects."""
    dialects: tuple[Dialect, ...] = ("clickhouse", "postgres")
    return [(dialect, sql) for dialect in dialects for sql in statements(dialect, expected)]
