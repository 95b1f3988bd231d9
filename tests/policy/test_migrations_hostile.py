"""Hostile spelling never turns what takes data away into what adds, and never makes the classifier fail."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.migrations import Verdict
from policy.migrations.model import Dialect
from tests.policy.judging import cases, statements, verdict

EXAMPLES = settings(max_examples=150, deadline=None)
SPACES = (" ", "\n", "\t", "\r\n", "\r", "\v", "\f", "\u00a0", "\u200b", "\ufeff", "\u2028", "\u3000", "")
COMMENTS = (
    *("/**/", "/* x */", "/* /* */ */", "/* /* x */", "/*! 1 */", "/*!", "/*+ x */", "-- x\n", "-- x\r", "--\u2028"),
    *("# x\n", "#! x\n", "// x\n", "/*'*/", '/*"*/', "/*`*/", "--'\n", "/*;*/", "--;\n", "/*$$*/"),
)
QUOTES = ("'", '"', "`", "$$", "$a$", "E'\\'", "U&'", "q'", "\\", "''", "'\\''", '""', "\0", "\x1a")
LOOK_ALIKES = {"A": "\u0410", "E": "\u0395", "O": "\u039f", "T": "\u03a4", "i": "\u0131", "s": "\u017f", "k": "\u212a"}
BEFORE = ("", "SELECT 1;", "CREATE TABLE extra (id int);", "COMMENT ON TABLE extra IS 'x';", "'", "/*", "BEGIN;", ";;")
JUNK = st.sampled_from((*SPACES, *COMMENTS, *QUOTES))


@st.composite
def respelled(draw: st.DrawFn, sql: str) -> str:
    """The same statement with other spaces, comments and letter cases between and in its words."""
    spelled = []
    for word in sql.split(" "):
        change = draw(st.sampled_from(("lower", "upper", "swapcase", "strip")))
        spelled.append(getattr(word, change)() if "'" not in word and '"' not in word and "`" not in word else word)
        spelled.append(" " + draw(st.sampled_from((*SPACES, *COMMENTS))) + draw(st.sampled_from(("", " "))))
    return (
        draw(st.sampled_from(BEFORE)) + "".join(spelled) + draw(st.sampled_from(("", ";", ";;", "; SELECT 1", " --")))
    )


# A name's case means something to ClickHouse and Postgres folds it, so only statements whose object stays the same
# are respelled in case; all others keep theirs and the verdict stays what it is for absent objects.
KEYWORD_CASES = [
    (dialect, sql)
    for dialect, sql in cases("destructive")
    if dialect == "postgres" or not any(name in sql for name in ("traces", "stored_summary", "schema_migrations"))
]


@pytest.mark.parametrize("dialect", ["clickhouse", "postgres"])
@EXAMPLES
@given(data=st.data())
def test_respelling_a_destructive_statement_leaves_it_destructive(dialect: Dialect, data: st.DataObject) -> None:
    sql = data.draw(st.sampled_from([sql for other, sql in KEYWORD_CASES if other == dialect]))
    spelled = data.draw(respelled(sql))
    assert verdict(dialect, spelled) is Verdict.DESTRUCTIVE, spelled


@pytest.mark.parametrize("dialect", ["clickhouse", "postgres"])
@EXAMPLES
@given(data=st.data())
def test_no_junk_before_or_inside_hides_a_statement_that_drops(dialect: Dialect, data: st.DataObject) -> None:
    """Whatever stands around it: either it is seen, or the text is unreadable, or it is really inside a literal."""
    junk = data.draw(st.lists(JUNK, max_size=4).map("".join))
    drop = data.draw(st.sampled_from(("DROP TABLE traces", "drop/**/table traces", "DROP TABLE langfuse . traces")))
    sql = f"{junk};{drop};{data.draw(st.lists(JUNK, max_size=2).map(''.join))}"
    if verdict(dialect, sql) is not Verdict.DESTRUCTIVE:
        assert _inside_a_literal(junk, dialect), sql


def _inside_a_literal(junk: str, dialect: Dialect) -> bool:
    """Whether Postgres itself would read what follows as part of a literal; ClickHouse's tool never does."""
    return dialect == "postgres" and any(mark in junk for mark in ("'", '"', "$", "/*", "--"))


@pytest.mark.parametrize(("dialect", "sql"), cases("destructive"))
@pytest.mark.parametrize("disguise", ["look-alike", "zero width", "mark", "case"])
def test_look_alikes_never_pass(dialect: Dialect, sql: str, disguise: str) -> None:
    if disguise == "look-alike":
        first = next((at for at, letter in enumerate(sql) if letter in LOOK_ALIKES), None)
        spelled = sql if first is None else sql[:first] + LOOK_ALIKES[sql[first]] + sql[first + 1 :]
    elif disguise == "zero width":
        spelled = sql[:2] + "\u200b" + sql[2:]
    elif disguise == "mark":
        spelled = "\ufeff" + sql
    else:
        head, _, tail = sql.partition(" ")
        spelled = f"{head.lower()} {tail}"
    assert verdict(dialect, spelled) is Verdict.DESTRUCTIVE


@pytest.mark.parametrize("dialect", ["clickhouse", "postgres"])
@EXAMPLES
@given(
    parts=st.lists(
        st.one_of(JUNK, st.text(max_size=6), st.sampled_from(("DROP ", "TABLE ", "traces", "(", ")", ",", ";", ".")))
    )
)
def test_no_text_makes_it_fail(dialect: Dialect, parts: list[str]) -> None:
    assert verdict(dialect, "".join(parts)) in set(Verdict)


@pytest.mark.parametrize("dialect", ["clickhouse", "postgres"])
@EXAMPLES
@given(data=st.data())
def test_a_destructive_statement_among_additive_ones_makes_the_file_destructive(
    dialect: Dialect, data: st.DataObject
) -> None:
    harmless = st.lists(st.sampled_from(statements(dialect, "additive")), max_size=3)
    parts = [*data.draw(harmless), data.draw(st.sampled_from(statements(dialect, "destructive"))), *data.draw(harmless)]
    assert verdict(dialect, ";\n".join(parts)) is Verdict.DESTRUCTIVE


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE traces ADD COLUMN x String COMMENT 'a; DROP TABLE traces; b'",
        "ALTER TABLE traces ADD COLUMN x String -- then; DROP TABLE traces",
        "ALTER TABLE traces ADD COLUMN x String /* ; DROP TABLE traces; */",
    ],
)
def test_a_semicolon_where_clickhouses_tool_cuts_a_file_is_not_read_as_part_of_a_literal(sql: str) -> None:
    assert verdict("clickhouse", sql) is Verdict.DESTRUCTIVE


def test_deep_nesting_is_refused_and_no_crash() -> None:
    deep = "CREATE VIEW v AS SELECT " + "(" * 5000 + "1" + ")" * 5000
    assert [verdict(dialect, deep) for dialect in ("clickhouse", "postgres")] == [Verdict.DESTRUCTIVE] * 2


@pytest.mark.parametrize("pair", list(itertools.pairwise(("DROP", "TABLE", "traces"))), ids="-".join)
@pytest.mark.parametrize("joint", ["/**/", "--\n", "/* -- */", "\n/*\n*/\n"])
def test_a_comment_is_as_good_as_a_space(pair: tuple[str, str], joint: str) -> None:
    sql = "DROP TABLE traces".replace(" ".join(pair), joint.join(pair))
    assert verdict("postgres", sql) is Verdict.DESTRUCTIVE
