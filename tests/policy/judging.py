"""Judges single statements against databases that hold rows."""

from pathlib import Path

from policy.migrations import Ask, Existing, FileVerdict, Live, ShippedFile, Verdict, judge
from policy.migrations.model import Dialect

STATEMENTS = Path(__file__).parent / "statements"
COLUMNS = {
    "postgres": {"id": "text", "name": "varchar(20)", "value": "int4"},
    "clickhouse": {"id": "String", "name": "String", "value": "UInt8"},
}


def live_with_rows(dialect: Dialect) -> Live:
    """A database in which `traces`, `scores` and one view hold rows."""
    full = Existing("table", 7, COLUMNS[dialect])
    return Live(
        "langfuse",
        {
            "traces": full,
            "scores": full,
            "old": Existing("table", 0, {"id": "text"}),
            "summary": Existing("view", 0),
            "stored_summary": Existing("view", 3),
            "background_migrations": full,
            "_prisma_migrations": full,
            "schema_migrations": full,
        },
    )


LIVE = live_with_rows("postgres")
EMPTY = Live("langfuse")


def file(dialect: Dialect, sql: str, name: str = "some") -> ShippedFile:
    return ShippedFile(dialect, name, sql, "0" * 64)


def judged(dialect: Dialect, sql: str, live: Live = LIVE, ask: Ask | None = None) -> FileVerdict:
    [found] = judge([file(dialect, sql)], live, ask=ask)
    return found


def verdict(dialect: Dialect, sql: str, live: Live = LIVE, ask: Ask | None = None) -> Verdict:
    return judged(dialect, sql, live, ask).verdict


def statements(dialect: Dialect, expected: str) -> list[str]:
    """Every statement of a dialect with that verdict."""
    return (STATEMENTS / dialect / f"{expected}.sql").read_text(encoding="utf-8").splitlines()
