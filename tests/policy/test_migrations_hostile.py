"""Hostile spelling never turns what takes data away into what adds, and never makes the classifier fail."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.migrations import Verdict
from tests.policy.judging import statements, verdict
from tests.policy.spelling import (
    OTHER_IN_POSTGRES,
    any_text,
    destructive_among_additive,
    disguises,
    dropped_amid_junk,
    respelled,
)

EXAMPLES = settings(max_examples=150, deadline=None)


@EXAMPLES
@given(data=st.data())
def test_respelling_a_destructive_statement_leaves_it_destructive(data: st.DataObject) -> None:
    spelled = data.draw(respelled(data.draw(st.sampled_from(statements("postgres", "destructive"))), OTHER_IN_POSTGRES))
    assert verdict("postgres", spelled) is Verdict.DESTRUCTIVE, spelled


@EXAMPLES
@given(drop=dropped_amid_junk())
def test_no_junk_before_or_inside_hides_a_statement_that_drops(drop: tuple[str, str]) -> None:
    """Whatever stands around it: either it is seen, or the text is unreadable, or it is really inside a literal."""
    junk, sql = drop
    if verdict("postgres", sql) is not Verdict.DESTRUCTIVE:
        assert any(mark in junk for mark in ("'", '"', "$", "/*", "--")), sql


@pytest.mark.parametrize("sql", statements("postgres", "destructive"))
@pytest.mark.parametrize("disguise", ["look-alike", "zero width", "mark", "case"])
def test_look_alikes_never_pass(sql: str, disguise: str) -> None:
    assert verdict("postgres", disguises(sql)[disguise]) is Verdict.DESTRUCTIVE


@EXAMPLES
@given(sql=any_text())
def test_no_text_makes_it_fail(sql: str) -> None:
    assert verdict("postgres", sql) in set(Verdict)


@EXAMPLES
@given(sql=destructive_among_additive("postgres"))
def test_a_destructive_statement_among_additive_ones_makes_the_file_destructive(sql: str) -> None:
    assert verdict("postgres", sql) is Verdict.DESTRUCTIVE


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM traces WHERE 1 = " + "(" * 5000 + "1" + ")" * 5000,
        "DELETE FROM traces WHERE 1 = 1" + " + 1" * 50_000,
        "DELETE FROM traces WHERE id IN (SELECT 1" + " UNION SELECT 1" * 20_000 + ")",
    ],
    ids=["brackets", "sums", "unions"],
)
def test_deep_nesting_is_refused_and_no_crash(sql: str) -> None:
    assert verdict("postgres", sql) is Verdict.DESTRUCTIVE


@pytest.mark.parametrize("pair", list(itertools.pairwise(("DROP", "TABLE", "traces"))), ids="-".join)
@pytest.mark.parametrize("joint", ["/**/", "--\n", "/* -- */", "\n/*\n*/\n"])
def test_a_comment_is_as_good_as_a_space(pair: tuple[str, str], joint: str) -> None:
    sql = "DROP TABLE traces".replace(" ".join(pair), joint.join(pair))
    assert verdict("postgres", sql) is Verdict.DESTRUCTIVE
