"""Secrets arrive at Fly as they were, or not at all."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from platforms.fly.errors import FlyError
from platforms.fly.secrets import lines
from tests.fly.fake.parse import read_secrets, read_secrets_older

VALUES = st.text(max_size=30) | st.text(alphabet="ab \"'#=\n\r\\é$`", max_size=14)


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True), VALUES, min_size=1, max_size=4))
@example({"A": "a#b"})
@example({"A": 'a"b#c'})
@example({"A": '"'})
@example({"A": '""x'})
@example({"A": " padded "})
@example({"A": "one\ntwo\n", "B": "x"})
@example({"A": "'quoted'"})
@example({"A": ""})
def test_what_is_handed_over_arrives_unchanged_at_either_reader(values: dict[str, str]) -> None:
    handed = {}
    for name, value in values.items():
        with contextlib.suppress(FlyError):
            lines({name: value})
            handed[name] = value
    if handed:
        assert read_secrets(lines(handed)) == handed
        assert read_secrets_older(lines(handed)) == handed


@pytest.mark.parametrize(
    "value",
    ["plain", "p@ss=w#rd", "it's", 'say "hi"', "ünïcode ✓", "a\nb", "-----BEGIN-----\nMIIB/+=\n-----END-----\n", "a b"],
)
def test_values_of_everyday_life_pass(value: str) -> None:
    assert read_secrets(lines({"NAME": value})) == {"NAME": value}


@pytest.mark.parametrize("value", ["a\0b", "x" * 70_000, "win\r\ndows", '"', '"a#"', 'end"""\nmore\nlines', "\ud800"])
def test_what_fly_would_change_is_refused_by_name_and_never_shown(value: str) -> None:
    with pytest.raises(FlyError, match="ODD") as refusal:
        lines({"ODD": value, "FINE": "fine"})
    assert "FINE" not in str(refusal.value)
    assert value not in str(refusal.value) or value == '"'


@pytest.mark.parametrize("name", ["FLY_TOKEN", "A-B", "1A", "", "A B", "A=B", "É", "A\nB"])
def test_names_that_fly_refuses_are_refused_here(name: str) -> None:
    with pytest.raises(FlyError):
        lines({name: "value"})
