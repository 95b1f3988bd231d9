"""The verdict on every kind of Postgres statement, against databases in which `traces` and `scores` hold rows.

The statements are in `statements/postgres/<verdict>.sql`, one a line; those of ClickHouse need a server to read them.
"""

import pytest

from policy.migrations import Cause, Existing, Live, Verdict, judge
from policy.migrations.types import widens
from tests.policy.judging import EMPTY, LIVE, file, judged, statements, verdict


@pytest.mark.parametrize("sql", statements("postgres", "additive"))
def test_what_only_adds_is_additive(sql: str) -> None:
    found = judged("postgres", sql)
    assert found.verdict is Verdict.ADDITIVE, found.worst


@pytest.mark.parametrize("sql", statements("postgres", "net_additive"))
def test_what_takes_away_only_what_is_new_or_empty_is_net_additive(sql: str) -> None:
    found = judged("postgres", sql)
    assert found.verdict is Verdict.NET_ADDITIVE, found.worst


@pytest.mark.parametrize("sql", statements("postgres", "destructive"))
def test_whatever_else_is_destructive(sql: str) -> None:
    assert verdict("postgres", sql) is Verdict.DESTRUCTIVE


@pytest.mark.parametrize(
    "sql",
    [
        "DROP DATABASE postgres",
        "DROP SCHEMA public CASCADE",
        "SET search_path TO public",
        "SELECT set_config('search_path', 'public', false)",
        "SET standard_conforming_strings = off",
        "DROP TABLE public.orders",
        "COMMENT ON TABLE public.users IS 'x'",
        "COMMENT ON COLUMN public.users.name IS 'x'",
        "COMMENT ON SCHEMA public IS 'x'",
        "GRANT ALL ON public.users TO langfuse",
        "GRANT USAGE ON SCHEMA public TO langfuse",
        "DO $$ BEGIN DROP SCHEMA public CASCADE; END $$",
        "CREATE TABLE t AS SELECT * FROM public.users",
    ],
)
def test_what_reaches_further_is_destructive_in_empty_databases_too(sql: str) -> None:
    found = judged("postgres", sql, EMPTY)
    assert found.verdict is Verdict.DESTRUCTIVE
    assert found.worst
    assert found.worst.cause is Cause.OUTSIDE


@pytest.mark.parametrize(
    "sql",
    [
        "nonsense",
        "SELECT '",
        "SELECT 1\0",
        "CALL wipe()",
        "SELECT wipe()",
        "DO $$ BEGIN EXECUTE 'DROP SCH' || 'EMA langfuse'; END $$",
        "DELETE FROM _prisma_migrations",
    ],
)
def test_what_nobody_understands_is_a_warning_only_where_nothing_can_be_lost(sql: str) -> None:
    on_empty, on_rows = judged("postgres", sql, EMPTY), judged("postgres", sql)
    assert (on_empty.verdict, on_empty.blocks) == (Verdict.UNKNOWN, False)
    assert (on_rows.verdict, on_rows.blocks) == (Verdict.DESTRUCTIVE, True)


@pytest.mark.parametrize(
    ("sql", "cause"),
    [
        ("nonsense", Cause.UNREADABLE),
        ("SELECT wipe()", Cause.UNKNOWN),
        ("DROP TABLE traces", Cause.LOSS),
        ("DROP TABLE app.orders", Cause.OUTSIDE),
    ],
)
def test_a_refusal_says_what_kind_of_finding_it_is(sql: str, cause: Cause) -> None:
    worst = judged("postgres", sql).worst
    assert worst
    assert worst.cause is cause


def test_a_newline_in_a_string_is_text() -> None:
    assert verdict("postgres", "INSERT INTO traces (id) VALUES ('a\n; DROP TABLE traces; --')") is Verdict.ADDITIVE


@pytest.mark.parametrize(
    ("dialect", "old", "new", "expected"),
    [
        ("postgres", "varchar(3)", "varchar(4)", True),
        ("postgres", "varchar(3)", "varchar(2)", False),
        ("postgres", "text", "varchar(9)", False),
        ("postgres", "numeric(5,2)", "numeric(6,2)", True),
        ("postgres", "numeric(5,2)", "numeric(6,4)", False),
        ("postgres", "numeric", "numeric(6,4)", False),
        ("postgres", "timestamp(3)", "timestamp", True),
        ("postgres", "timestamp", "timestamptz", False),
        ("postgres", "int8", "int4", False),
        ("postgres", "int8", "float8", False),
        ("postgres", "", "int8", False),
        ("clickhouse", "String", "Nullable(String)", True),
        ("clickhouse", "Nullable(String)", "String", False),
        ("clickhouse", "Nullable(UInt8)", "Nullable(UInt16)", True),
        ("clickhouse", "LowCardinality(String)", "LowCardinality(Nullable(String))", True),
        ("clickhouse", "UInt8", "Int16", False),
        ("clickhouse", "DateTime64(6)", "DateTime64(3)", False),
    ],
)
def test_only_a_type_that_holds_every_value_is_wider(dialect: str, old: str, new: str, *, expected: bool) -> None:
    assert widens(dialect, old, new) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize("sql", ["DO $$ BEGIN DELETE FROM traces; END $$", "DELETE FROM traces", "DROP TABLE traces"])
def test_a_database_without_rows_has_nothing_to_lose(sql: str) -> None:
    assert verdict("postgres", sql, EMPTY) is Verdict.NET_ADDITIVE
    ledger_alone = Live("langfuse", {"_prisma_migrations": Existing("table", 7)})
    assert verdict("postgres", sql, ledger_alone) is Verdict.NET_ADDITIVE


def test_a_finding_names_statement_object_and_rows() -> None:
    worst = judged("postgres", "CREATE TABLE t (id text);\n-- gone\nDROP  TABLE\n traces").worst
    assert worst is not None
    assert (worst.statement, worst.object, worst.rows) == ("DROP TABLE traces", "traces", 7)
    assert worst.why == "takes the table away from 7 rows"


def test_a_long_statement_is_shortened() -> None:
    worst = judged("postgres", "TRUNCATE " + ", ".join(["traces"] * 99)).worst
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
