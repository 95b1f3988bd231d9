"""The batch API's events: accepted or refused one by one, and added up in the order of their time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standin.credentials import EncryptionError, encrypt, fast_hash, matches, slow_hash
from standin.keys import entity_prefix
from standin.trace.events import EventError, entity_of, merged, read_event
from standin.trace.rows import score_row, usage_map


def event(kind: str, body: Any, moment: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    return {"id": "event", "timestamp": moment, "type": kind, "body": body}


@pytest.mark.parametrize(
    ("kind", "entity"),
    [
        ("trace-create", "trace"),
        ("score-create", "score"),
        ("span-create", "observation"),
        ("generation-update", "observation"),
        ("agent-create", "observation"),
        ("trace-update", None),
        ("unknown-create", None),
        ("", None),
    ],
)
def test_the_type_of_an_event_tells_what_it_is_about(kind: str, entity: str | None) -> None:
    assert entity_of(kind) == entity


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        event("trace-create", None),
        {**event("trace-create", {}), "id": 1},
        {**event("trace-create", {}), "timestamp": ""},
        event("score-create", {"name": "n"}),
        event("score-create", {"value": 1}),
    ],
)
def test_a_malformed_event_is_refused(content: Any) -> None:
    with pytest.raises(EventError, match="Invalid request data"):
        read_event(content, scores_only=False)


def test_where_only_scores_are_taken_everything_else_is_refused() -> None:
    with pytest.raises(EventError, match="Event type not accepted"):
        read_event(event("trace-create", {"id": "t"}), scores_only=True)
    assert read_event(event("score-create", {"name": "n", "value": 1}), scores_only=True)


def test_an_sdks_log_line_leaves_nothing() -> None:
    assert read_event(event("sdk-log", {"message": "m"}), scores_only=False) is None


def test_an_entity_without_an_id_gets_the_events() -> None:
    accepted = read_event(event("generation-create", {}), scores_only=False)
    assert accepted is not None
    assert (accepted.entity_id, accepted.content["body"]["type"]) == ("event", "GENERATION")


def test_later_values_win_and_metadata_and_tags_add_up() -> None:
    early = event("trace-create", {"name": "a", "metadata": {"x": 1}, "tags": ["p"]}, "2026-01-01T00:00:01Z")
    late = event(
        "trace-create", {"name": "b", "metadata": {"y": 2}, "tags": ["q"], "userId": None}, "2026-01-01T00:00:02Z"
    )
    for order in ([early, late], [late, early]):
        state = merged(order)
        assert (state["name"], state["metadata"], state["tags"]) == ("b", {"x": 1, "y": 2}, ["p", "q"])
        assert state["timestamp"] == "2026-01-01T00:00:01Z"
        assert "userId" not in state


def test_usage_is_read_in_each_of_its_forms() -> None:
    assert usage_map({"usage": {"promptTokens": 1, "completionTokens": 2, "unit": "TOKENS"}}) == {
        "input": 1,
        "output": 2,
    }
    assert usage_map({"usageDetails": {"input": 3}}) == {"input": 3}
    assert usage_map({}) == {}


def test_a_score_is_a_number_or_a_category() -> None:
    assert score_row("p", {"id": "s", "value": 1})["data_type"] == "NUMERIC"
    category = score_row("p", {"id": "s", "value": "good"})
    assert (category["value"], category["string_value"], category["data_type"]) == (None, "good", "CATEGORICAL")


def test_ids_cannot_leave_their_folder_in_the_bucket() -> None:
    assert entity_prefix("e/", "p", "trace", "../../other/x") == "e/p/trace/..%2F..%2Fother%2Fx/"


@settings(deadline=None, max_examples=20)
@given(st.text(min_size=1), st.text())
def test_a_secret_matches_its_own_slow_hash_alone(secret: str, other: str) -> None:
    hashed = slow_hash(secret)
    assert secret not in hashed or len(secret) < 8
    assert matches(secret, hashed)
    assert matches(other, hashed) == (other == secret)
    assert not matches(secret, other)


def test_the_fast_hash_depends_on_the_salt() -> None:
    assert fast_hash("key", "salt") == fast_hash("key", "salt")
    assert fast_hash("key", "salt") != fast_hash("key", "other")


@pytest.mark.parametrize(("key", "problem"), [(None, "Missing ENCRYPTION_KEY"), ("z" * 64, "Invalid key length")])
def test_a_key_that_cannot_encrypt_is_named(key: str | None, problem: str) -> None:
    with pytest.raises(EncryptionError, match=problem):
        encrypt("text", key)
