"""The verdict on every kind of statement, against databases in which `traces` and `scores` hold rows.

The statements are in `statements/<dialect>/<verdict>.sql`, one a line.
"""

import pytest

from policy.migrations import Existing, Live, Verdict, judge
from policy.migrations.model import Dialect
from tests.policy.judging import EMPTY, FULL, LIVE, cases, file, judged, verdict


@pytest.mark.parametrize(("dialect", "sql"), cases("additive"))
def test_what_only_adds_is_additive(dialect: Dialect, sql: str) -> None:
    found = judged(dialect, sql)
    assert found.verdict is Verdict.ADDITIVE, found.worst


@pytest.mark.parametrize(("dialect", "sql"), cases("net_additive"))
def test_what_takes_away_only_what_is_new_or_empty_is_net_additive(dialect: Dialect, sql: str) -> None:
    found = judged(dialect, sql)
    assert found.verdict is Verdict.NET_ADDITIVE, found.worst


@pytest.mark.parametrize(("dialect", "sql"), cases("destructive"))
def test_whatever_else_is_destructive(dialect: Dialect, sql: str) -> None:
    assert verdict(dialect, sql) is Verdict.DESTRUCTIVE


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "DROP DATABASE postgres"),
        ("postgres", "DROP SCHEMA public CASCADE"),
        ("postgres", "SET search_path TO public"),
        ("postgres", "DROP TABLE public.orders"),
        ("postgres", "COMMENT ON TABLE public.users IS 'x'"),
        ("postgres", "COMMENT ON COLUMN public.users.name IS 'x'"),
        ("postgres", "COMMENT ON SCHEMA langfuse IS 'x'"),
        ("postgres", "GRANT ALL ON public.users TO langfuse"),
        ("postgres", "GRANT USAGE ON SCHEMA public TO langfuse"),
        ("postgres", "DO $$ BEGIN DROP SCHEMA public CASCADE; END $$"),
        ("postgres", "DO $$ BEGIN EXECUTE 'DROP SCH' || 'EMA public'; END $$"),
        ("postgres", "nonsense"),
        ("postgres", "DELETE FROM _prisma_migrations"),
        ("clickhouse", "DROP DATABASE other"),
        ("clickhouse", "SYSTEM DROP REPLICA 'r'"),
        ("clickhouse", "UNDROP TABLE x"),
    ],
)
def test_what_reaches_further_or_cannot_be_read_is_destructive_in_empty_databases_too(
    dialect: Dialect, sql: str
) -> None:
    assert verdict(dialect, sql, EMPTY) is Verdict.DESTRUCTIVE


@pytest.mark.parametrize("sql", ["DO $$ BEGIN DELETE FROM traces; END $$", "DELETE FROM traces", "DROP TABLE traces"])
def test_a_database_without_rows_has_nothing_to_lose(sql: str) -> None:
    assert verdict("postgres", sql, EMPTY) is Verdict.NET_ADDITIVE
    ledger_alone = Live("langfuse", {"_prisma_migrations": FULL})
    assert verdict("postgres", sql, ledger_alone) is Verdict.NET_ADDITIVE


def test_a_finding_names_statement_object_and_rows() -> None:
    worst = judged("clickhouse", "CREATE TABLE t (id String) ENGINE = Log;\nDROP  TABLE\n traces").worst
    assert worst is not None
    assert (worst.statement, worst.object, worst.rows) == ("DROP TABLE traces", "traces", 7)
    assert worst.why == "takes the table away from 7 rows"


def test_a_long_statement_is_shortened() -> None:
    worst = judged("clickhouse", f"ALTER TABLE traces DELETE WHERE id IN ({', '.join(['1'] * 999)})").worst
    assert worst is not None
    assert len(worst.statement) == 160


def test_files_are_judged_as_one_batch() -> None:
    first = file("postgres", 'CREATE TABLE "t" ("id" TEXT)', "1")
    found = judge([first, file("postgres", 'DROP TABLE "t"', "2")], LIVE)
    assert [entry.verdict for entry in found] == [Verdict.ADDITIVE, Verdict.NET_ADDITIVE]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('ALTER TABLE "traces" RENAME TO "t"', 'DROP TABLE "t"'),
        ('ALTER TABLE "traces" RENAME COLUMN "name" TO "n"', 'ALTER TABLE "traces" DROP COLUMN "n"'),
        ('CREATE TABLE "t" AS SELECT * FROM "traces"; DROP TABLE "traces"', 'DROP TABLE "t"'),
        (
            'CREATE TABLE "t" ("id" TEXT); INSERT INTO "t" SELECT "id" FROM "traces"; TRUNCATE "traces"',
            'DROP TABLE "t"',
        ),
        ('CREATE TABLE "t" AS SELECT * FROM "traces"; DROP TABLE "traces"', 'TRUNCATE "t"'),
        ('CREATE TABLE "t" AS SELECT * FROM "traces"; DROP TABLE "traces"', 'DELETE FROM "t"'),
    ],
)
def test_an_approval_to_move_rows_is_none_to_drop_them_where_they_went(first: str, second: str) -> None:
    found = judge([file("postgres", first, "1"), file("postgres", second, "2")], LIVE)
    assert [entry.verdict for entry in found] == [Verdict.DESTRUCTIVE, Verdict.DESTRUCTIVE]


def test_a_nested_column_is_there_where_only_its_parts_are_listed() -> None:
    live = Live("langfuse", {"traces": Existing("table", 7, frozenset({"id", "n.a", "n.b"}))})
    assert verdict("clickhouse", "ALTER TABLE traces DROP COLUMN n", live) is Verdict.DESTRUCTIVE
    assert verdict("clickhouse", "ALTER TABLE traces DROP COLUMN m", live) is Verdict.NET_ADDITIVE


def test_rows_that_were_exchanged_are_found_under_their_new_name() -> None:
    assert judged("clickhouse", "EXCHANGE TABLES old AND traces; DROP TABLE old").statements[1].rows == 7


def test_an_approval_lets_its_own_file_through_and_no_other() -> None:
    drop = file("postgres", "DROP TABLE traces")
    [approved] = judge([drop], LIVE, {drop.sha256: "copied elsewhere, compared"})
    [other] = judge([drop], LIVE, {"1" * 64: "another file"})
    assert (approved.verdict, approved.blocks, approved.approved) == (
        Verdict.DESTRUCTIVE,
        False,
        "copied elsewhere, compared",
    )
    assert other.blocks
