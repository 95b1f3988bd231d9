"""The application's `.env`: the stack's variables beside whatever else the file has."""

import io

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from ops.env import merged

VALUES = {"OPENAI_API_KEY": "sk-new", "OPENAI_BASE_URL": "http://127.0.0.1:4000/v1"}
ENTIRE = "OPENAI_API_KEY=sk-new\nOPENAI_BASE_URL=http://127.0.0.1:4000/v1\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ENTIRE),
        (ENTIRE, ENTIRE),
        ("# mine\nOTHER=1\n", f"# mine\nOTHER=1\n{ENTIRE}"),
        ("OTHER=1", f"OTHER=1\n{ENTIRE}"),
        (
            "export OPENAI_API_KEY='sk-old'\nOTHER=\"two\nlines\"\n",
            'OPENAI_API_KEY=sk-new\nOTHER="two\nlines"\nOPENAI_BASE_URL=http://127.0.0.1:4000/v1\n',
        ),
        ("OPENAI_API_KEY=a\nOPENAI_API_KEY=b\nno variable\n", None),
    ],
)
def test_other_variables_and_comments_stay_as_they_are(before: str, after: str | None) -> None:
    found = merged(before, VALUES)
    assert after is None or found == after
    assert merged(found, VALUES) == found
    assert found.count("OPENAI_API_KEY=") == 1
    assert ("no variable" in found) == ("no variable" in before)


@given(value=st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40))
def test_any_value_is_read_back_as_it_is(value: str) -> None:
    assert dotenv_values(stream=io.StringIO(merged("A=1\n", {"B": value})), interpolate=False) == {"A": "1", "B": value}
