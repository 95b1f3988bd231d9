"""OTLP requests are read whole or refused, and become observations and traces."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standin.trace.attributes import as_mapping, as_value
from standin.trace.otlp import OtlpError, decode
from standin.trace.rows import event_row, observation_row, trace_row
from standin.trace.spans import Span, observation_of, read_spans, trace_of

from tests.standin.traces import Trace, attribute

JSON = "application/json"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def span_with(*attributes: dict[str, Any], parent: str = "", **changes: Any) -> Span:
    raw = {"traceId": "a" * 32, "spanId": "b" * 16, "parentSpanId": parent, "name": "n", **changes}
    raw["attributes"] = list(attributes)
    return read_spans([{"resource": {}, "scopeSpans": [{"spans": [raw]}]}])[0]


def test_json_and_protobuf_say_the_same() -> None:
    trace = Trace()
    from_json = read_spans(decode(json.dumps(trace.json()).encode(), JSON, None))
    from_protobuf = read_spans(decode(gzip.compress(trace.protobuf()), "application/x-protobuf", "gzip"))
    for one, other in zip(from_json, from_protobuf, strict=True):
        assert (one.trace_id, one.span_id, one.parent_id) == (other.trace_id, other.span_id, other.parent_id)
        assert (one.attributes, one.resource, one.failed) == (other.attributes, other.resource, other.failed)


def test_parameters_of_a_content_type_do_not_matter() -> None:
    assert decode(b"{}", "application/json; charset=utf-8", None) == []


@settings(deadline=None)
@given(VALUES)
def test_any_json_is_read_or_refused(content: Any) -> None:
    span = {"traceId": "a" * 32, "spanId": "b" * 16}
    spans = [content, [{**span, "attributes": content}], [{**span, "status": content, "endTimeUnixNano": content}]]
    bodies = [content, {"resourceSpans": content}]
    bodies += [{"resourceSpans": [{"scopeSpans": [{"spans": some}]}]} for some in spans]
    for body in bodies:
        with contextlib.suppress(OtlpError):
            read_spans(decode(json.dumps(body).encode(), JSON, None))


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for content_type in (JSON, "application/x-protobuf"):
        for encoding in (None, "gzip"):
            with contextlib.suppress(OtlpError):
                decode(content, content_type, encoding)


@pytest.mark.parametrize(
    "change",
    [
        {"traceId": "xyz"},
        {"traceId": "a" * 31},
        {"spanId": ""},
        {"startTimeUnixNano": "now"},
        {"attributes": {}},
    ],
)
def test_one_bad_span_spoils_the_request(change: dict[str, Any]) -> None:
    request = Trace().json()
    request["resourceSpans"][0]["scopeSpans"][0]["spans"][1] |= change
    with pytest.raises(OtlpError, match="Invalid span"):
        decode(json.dumps(request).encode(), JSON, None)


def test_attribute_values_keep_their_kind() -> None:
    values = {"arrayValue": {"values": [{"intValue": "1"}, {"doubleValue": 0.5}, {"boolValue": True}]}}
    assert as_value(values) == [1, 0.5, True]
    assert as_value({"kvlistValue": {"values": [attribute("k", "v")]}}) == {"k": "v"}
    assert as_mapping([attribute("a", "1"), attribute("a", "2")]) == {"a": "2"}


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ([], "SPAN"),
        ([attribute("gen_ai.request.model", "m")], "GENERATION"),
        ([attribute("gen_ai.usage.output_tokens", 1)], "GENERATION"),
        ([attribute("gen_ai.request.model", "m"), attribute("langfuse.observation.type", "agent")], "AGENT"),
    ],
)
def test_a_span_is_a_generation_if_it_names_a_model_or_tokens(attributes: list[dict[str, Any]], kind: str) -> None:
    assert observation_of(span_with(*attributes))["type"] == kind


def test_the_answers_model_comes_before_the_asked_one() -> None:
    span = span_with(attribute("gen_ai.request.model", "asked"), attribute("gen_ai.response.model", "answered"))
    assert observation_of(span)["model"] == "answered"


def test_messages_in_single_attributes_are_put_together() -> None:
    span = span_with(
        attribute("gen_ai.prompt.1.content", "second"),
        attribute("gen_ai.prompt.0.role", "user"),
        attribute("gen_ai.prompt.0.content", "first"),
    )
    assert observation_of(span)["input"] == [{"role": "user", "content": "first"}, {"content": "second"}]


def test_a_failed_span_is_an_error_with_its_message() -> None:
    observed = observation_of(span_with(status={"code": "STATUS_CODE_ERROR", "message": "refused"}))
    assert (observed["level"], observed["statusMessage"]) == ("ERROR", "refused")


def test_only_a_root_span_lends_its_name_to_the_trace() -> None:
    assert trace_of(span_with())["name"] == "n"
    assert "name" not in trace_of(span_with(parent="c" * 16))
    assert trace_of(span_with(attribute("langfuse.trace.name", "t"), parent="c" * 16))["name"] == "t"


def test_the_older_names_of_user_and_session_are_known_too() -> None:
    told = trace_of(span_with(attribute("langfuse.user.id", "u"), attribute("langfuse.session.id", "s")))
    assert (told["userId"], told["sessionId"]) == ("u", "s")


@pytest.mark.parametrize("tags", ['["a", "b"]', ["a", "b"]])
def test_tags_are_a_list_or_json(tags: Any) -> None:
    value = {"arrayValue": {"values": [{"stringValue": tag} for tag in tags]}} if isinstance(tags, list) else None
    given_tags = {"key": "langfuse.trace.tags", "value": value} if value else attribute("langfuse.trace.tags", tags)
    assert trace_of(span_with(given_tags))["tags"] == ["a", "b"]


def test_the_environment_is_the_spans_then_the_resources_then_default() -> None:
    resource = {"attributes": [attribute("deployment.environment", "production")]}
    raw = {"traceId": "a" * 32, "spanId": "b" * 16}
    spans = [{"resource": resource, "scopeSpans": [{"spans": [raw]}]}]
    assert observation_of(read_spans(spans)[0])["environment"] == "production"
    raw["attributes"] = [attribute("langfuse.environment", "smoke")]  # type: ignore[assignment]
    assert observation_of(read_spans(spans)[0])["environment"] == "smoke"
    assert observation_of(span_with())["environment"] == "default"


def test_trace_metadata_is_an_object_and_its_parts_alike() -> None:
    span = span_with(attribute("langfuse.trace.metadata", '{"a": 1}'), attribute("langfuse.trace.metadata.b", "two"))
    assert trace_row("p", trace_of(span))["metadata"] == {"a": "1", "b": "two"}


def test_rows_hold_texts_and_numbers_only() -> None:
    span = read_spans(Trace().json()["resourceSpans"])[0]
    observed = observation_row("p", observation_of(span))
    event = event_row("p", observation_of(span), trace_of(span))
    assert observed["usage_details"] == event["usage_details"] == {"input": 10, "output": 20, "total": 30}
    assert observed["input"] == event["input"] == '[{"role": "user", "content": "ping"}]'
    assert len(event["metadata_names"]) == len(event["metadata_values"])
    assert all(isinstance(value, str) for value in observed["metadata"].values())
