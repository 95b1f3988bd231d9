"""The batch ingestion API's events: which are accepted, and how those of one entity add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

OBSERVATION_TYPES = {
    "span": "SPAN",
    "generation": "GENERATION",
    "event": "EVENT",
    "agent": "AGENT",
    "tool": "TOOL",
    "chain": "CHAIN",
    "retriever": "RETRIEVER",
    "evaluator": "EVALUATOR",
    "embedding": "EMBEDDING",
    "guardrail": "GUARDRAIL",
    "observation": "",
}


class EventError(Exception):
    """One event of a batch is refused; the others are not."""


@dataclass(frozen=True)
class Event:
    """One accepted event: what it is about, and its stored form."""

    event_id: str
    entity: str
    entity_id: str
    content: dict[str, Any]


def entity_of(event_type: str) -> str | None:
    """`trace`, `observation` or `score`; None for a type that Langfuse does not know."""
    if event_type == "trace-create":
        return "trace"
    if event_type == "score-create":
        return "score"
    kind, _, action = event_type.rpartition("-")
    return "observation" if kind in OBSERVATION_TYPES and action in {"create", "update"} else None


def read_event(content: object, *, scores_only: bool) -> Event | None:
    """One event of a batch; None for the SDK's own log lines, which leave no trace.

    Raises:
        EventError: It is malformed, or not accepted in this write mode.
    """
    if not isinstance(content, dict) or not isinstance(content.get("body"), dict):
        raise EventError("Invalid request data")
    event_id, event_type, body = content.get("id"), content.get("type"), content["body"]
    if not isinstance(event_id, str) or not isinstance(event_type, str) or not content.get("timestamp"):
        raise EventError("Invalid request data")
    if event_type == "sdk-log":
        return None
    entity = entity_of(event_type)
    if entity is None:
        raise EventError("Invalid request data")
    if scores_only and entity != "score":
        raise EventError("Event type not accepted: this Langfuse takes traces by OpenTelemetry only (events_only)")
    _check_body(entity, body)
    entity_id = str(body.get("id") or event_id)
    kind = OBSERVATION_TYPES.get(event_type.rpartition("-")[0])
    stored = {**content, "body": {**({"type": kind} if kind else {}), **body, "id": entity_id}}
    return Event(event_id=event_id, entity=entity, entity_id=entity_id, content=stored)


def _check_body(entity: str, body: dict[str, Any]) -> None:
    if entity == "score" and not (
        isinstance(body.get("name"), str) and isinstance(body.get("value"), int | float | str)
    ):
        raise EventError("Invalid request data: a score needs a name and a value")


def merged(contents: list[dict[str, Any]]) -> dict[str, Any]:
    """The state of an entity after all its events: later values win, metadata and tags add up."""
    state: dict[str, Any] = {}
    for content in sorted(contents, key=lambda entry: str(entry["timestamp"])):
        for name, value in content["body"].items():
            if value is None:
                continue
            if name == "metadata" and isinstance(value, dict) and isinstance(state.get(name), dict):
                state[name] = {**state[name], **value}
            elif name == "tags" and isinstance(value, list):
                state[name] = sorted({*state.get(name, []), *value})
            else:
                state[name] = value
        state.setdefault("timestamp", content["timestamp"])
    return state
