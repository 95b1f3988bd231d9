"""The verdict on every kind of ClickHouse statement, as a real server reads it.

The statements are in `tests/policy/statements/clickhouse/<verdict>.sql`, one a line.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.pending_migrations import asking
from policy.migrations import Ask, Existing, FileVerdict, Live, Verdict, judge
from tests.checks.clickhouse_session import as_langfuse
from tests.checks.containers import Container
from tests.policy import judging
from tests.policy.judging import EMPTY, file, live_with_rows, statements
from tests.policy.spelling import (
    OTHER_IN_CLICKHOUSE,
    any_text,
    destructive_among_additive,
    disguises,
    dropped_amid_junk,
    respelled,
)

pytestmark = pytest.mark.docker

EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LIVE = live_with_rows("clickhouse")
CASELESS = [
    sql
    for sql in statements("clickhouse", "destructive")
    if not any(name in sql for name in ("traces", "summary", "schema_migrations"))
]
"""A name's case means something to ClickHouse, so these alone may be spelled in another one."""


@pytest.fixture(scope="module")
def ask(clickhouse: Container) -> Iterator[Ask]:
    """The server, with no more rights than Langfuse has."""
    client = as_langfuse(clickhouse).client()
    yield asking(client)
    client.close()


def judged(ask: Ask, sql: str, live: Live = LIVE) -> FileVerdict:
    return judging.judged("clickhouse", sql, live, ask)


@pytest.mark.parametrize("expected", [Verdict.ADDITIVE, Verdict.NET_ADDITIVE, Verdict.DESTRUCTIVE])
def test_every_statement_gets_its_verdict(ask: Ask, expected: Verdict) -> None:
    listed = statements("clickhouse", expected.name.lower())
    found = {sql: judged(ask, sql) for sql in listed}
    assert {sql: entry.worst for sql, entry in found.items() if entry.verdict is not expected} == {}


def test_a_comment_before_a_statement_may_have_semicolons(ask: Ask) -> None:
    sql = "-- adds a column; nothing else; really\nALTER TABLE traces ADD COLUMN x String;\n-- the end;\n"
    assert judged(ask, sql).verdict is Verdict.ADDITIVE


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE traces ADD COLUMN x String COMMENT 'a; DROP TABLE traces; b'",
        "ALTER TABLE traces ADD COLUMN x String -- then; DROP TABLE traces",
        "ALTER TABLE traces ADD COLUMN x String /* ; DROP TABLE traces; */",
    ],
)
def test_a_piece_that_the_tool_would_apply_counts_even_inside_a_comment_or_literal(ask: Ask, sql: str) -> None:
    assert judged(ask, sql).verdict is Verdict.DESTRUCTIVE


@pytest.mark.parametrize(
    "sql",
    [
        ";;nonsense",
        "/**/;nonsense",
        "SELECT 1;nonsense",
        "CREATE TABLE t (id String) ENGINE = Log; INSERT INTO t VALUES ('a'); nonsense",
    ],
)
def test_what_follows_a_semicolon_is_never_taken_for_a_part_of_what_stands_before_it(ask: Ask, sql: str) -> None:
    assert judged(ask, sql).verdict is Verdict.DESTRUCTIVE


@pytest.mark.parametrize("sql", ["DROP DATABASE other", "SYSTEM DROP REPLICA 'r'", "DROP TABLE other.t", "USE other"])
def test_what_reaches_further_is_destructive_in_empty_databases_too(ask: Ask, sql: str) -> None:
    assert judged(ask, sql, EMPTY).verdict is Verdict.DESTRUCTIVE


@pytest.mark.parametrize("sql", ["nonsense", "UNDROP TABLE x", "DROP TABLE schema_migrations"])
def test_what_nobody_understands_is_a_warning_only_where_nothing_can_be_lost(ask: Ask, sql: str) -> None:
    assert [judged(ask, sql, live).verdict for live in (EMPTY, LIVE)] == [Verdict.UNKNOWN, Verdict.DESTRUCTIVE]


def test_without_a_server_nothing_is_let_through_to_rows() -> None:
    assert judging.verdict("clickhouse", "ALTER TABLE traces ADD COLUMN x String", LIVE) is Verdict.DESTRUCTIVE


def test_a_nested_column_is_there_where_only_its_parts_are_listed(ask: Ask) -> None:
    live = Live("langfuse", {"traces": Existing("table", 7, {"id": "String", "n.a": "String", "n.b": "String"})})
    assert judged(ask, "ALTER TABLE traces DROP COLUMN n", live).verdict is Verdict.DESTRUCTIVE
    assert judged(ask, "ALTER TABLE traces DROP COLUMN m", live).verdict is Verdict.NET_ADDITIVE


def test_rows_that_were_exchanged_are_found_under_their_new_name(ask: Ask) -> None:
    assert judged(ask, "EXCHANGE TABLES old AND traces; DROP TABLE old").statements[1].rows == 7


def test_a_name_with_a_quote_is_the_name_that_the_server_has(ask: Ask) -> None:
    live = Live("langfuse", {"it's": Existing("table", 7)})
    for sql in ("DROP TABLE `it's`", r"DROP TABLE `it\'s`", 'RENAME TABLE "it\'s" TO t'):
        assert judged(ask, sql, live).verdict is Verdict.DESTRUCTIVE


def test_files_are_judged_as_one_batch(ask: Ask) -> None:
    first = file("clickhouse", "CREATE TABLE t (id String) ENGINE = Log", "1")
    found = judge([first, file("clickhouse", "DROP TABLE t", "2")], LIVE, ask=ask)
    assert [entry.verdict for entry in found] == [Verdict.ADDITIVE, Verdict.NET_ADDITIVE]


@EXAMPLES
@given(data=st.data())
def test_respelling_a_destructive_statement_leaves_it_destructive(ask: Ask, data: st.DataObject) -> None:
    spelled = data.draw(respelled(data.draw(st.sampled_from(CASELESS)), OTHER_IN_CLICKHOUSE))
    assert judged(ask, spelled).verdict is Verdict.DESTRUCTIVE, spelled


@EXAMPLES
@given(drop=dropped_amid_junk())
def test_no_junk_hides_a_statement_that_drops(ask: Ask, drop: tuple[str, str]) -> None:
    assert judged(ask, drop[1]).verdict is Verdict.DESTRUCTIVE, drop


@pytest.mark.parametrize("disguise", ["look-alike", "zero width", "mark", "case"])
def test_look_alikes_never_pass(ask: Ask, disguise: str) -> None:
    spelled = [disguises(sql)[disguise] for sql in statements("clickhouse", "destructive")]
    assert [sql for sql in spelled if judged(ask, sql).verdict is not Verdict.DESTRUCTIVE] == []


@EXAMPLES
@given(sql=any_text())
def test_no_text_makes_it_fail(ask: Ask, sql: str) -> None:
    assert judged(ask, sql).verdict in set(Verdict)


@EXAMPLES
@given(sql=destructive_among_additive("clickhouse"))
def test_a_destructive_statement_among_additive_ones_makes_the_file_destructive(ask: Ask, sql: str) -> None:
    assert judged(ask, sql).verdict is Verdict.DESTRUCTIVE


def test_deep_nesting_is_refused_and_no_crash(ask: Ask) -> None:
    deep = "CREATE VIEW v AS SELECT " + "(" * 5000 + "1" + ")" * 5000
    assert judged(ask, deep).verdict is Verdict.DESTRUCTIVE
