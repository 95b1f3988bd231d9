"""Replies in every shape that is documented, and in some that are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platforms.fly import replies
from platforms.fly.errors import FlyError, GarbledReplyError

FIXTURES = json.loads((Path(__file__).parent / "contract" / "replies.json").read_text(encoding="utf-8"))
VOLUME = {"id": "vol_1", "name": "data", "state": "created", "size_gb": 25, "region": "ord", "encrypted": True}


@pytest.mark.parametrize("case", FIXTURES, ids=lambda case: str(case["about"]))
def test_documented_replies_are_read(case: Any) -> None:
    read = replies.many(getattr(replies, case["model"]), case["stdout"])
    assert [item.model_dump(mode="json", include=set(case["expected"][0])) for item in read] == case["expected"]


def recased(style: str, key: str) -> str:
    parts = key.split("_")
    return {
        "snake": key,
        "upper": key.upper(),
        "pascal": "".join(part.title() for part in parts),
        "camel": parts[0] + "".join(part.title() for part in parts[1:]),
        "kebab": "-".join(parts),
    }[style]


@given(
    st.sampled_from(["snake", "upper", "pascal", "camel", "kebab"]),
    st.dictionaries(
        st.text(min_size=1, max_size=8).map("x_{}".format), st.none() | st.integers() | st.text(max_size=5)
    ),
    st.sampled_from(["", "\x1b[33mWARN\x1b[0m update!\n", "[WARN] slow metrics\n", "{not json\n"]),
    st.sampled_from([None, 4]),
)
def test_casing_extra_fields_warnings_and_indentation_do_not_matter(
    style: str, extra: dict[str, Any], before: str, indent: int | None
) -> None:
    printed = {**extra, **{recased(style, key): value for key, value in VOLUME.items()}}
    (volume,) = replies.many(replies.Volume, f"{before}{json.dumps([printed], indent=indent)}\nBye\n")
    assert volume.model_dump(include=set(VOLUME)) == VOLUME


@given(st.integers(min_value=0), st.sampled_from([None, 2]))
def test_a_reply_that_is_cut_off_is_never_taken_for_a_shorter_one(cut: int, indent: int | None) -> None:
    whole = json.dumps([VOLUME, {**VOLUME, "id": "vol_2"}], indent=indent)
    with pytest.raises(GarbledReplyError):
        replies.many(replies.Volume, whole[: cut % len(whole)])


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: raw.decode("utf-8", "replace")))
def test_any_text_is_read_or_refused(text: str) -> None:
    for model in (replies.App, replies.Volume, replies.Machine, replies.Secret, replies.Release):
        try:
            replies.many(model, text)
        except FlyError:
            continue


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "Name", "size_gb", "checks", "config", "mounts"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    for model in (replies.App, replies.Volume, replies.Machine, replies.Secret, replies.Release):
        try:
            replies.many(model, json.dumps(document))
        except FlyError:
            continue


def test_nothing_is_not_an_empty_list_but_null_is() -> None:
    assert replies.many(replies.Volume, "null\n") == []
    with pytest.raises(GarbledReplyError, match="complete JSON list"):
        replies.many(replies.Volume, "")


@pytest.mark.parametrize("lacking", ["id", "name", "size_gb"])
@pytest.mark.parametrize("as_null", [True, False])
def test_an_entry_without_what_identifies_it_is_refused(lacking: str, as_null: bool) -> None:
    entry = {key: value for key, value in VOLUME.items() if key != lacking} | ({lacking: None} if as_null else {})
    with pytest.raises(GarbledReplyError, match=lacking):
        replies.many(replies.Volume, json.dumps([entry]))
