"""What a span means to Langfuse: an observation, and what it says about its trace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from standin.trace.attributes import as_json, as_list, as_mapping, as_text, below, conversation, first

ERROR_CODES = {2, "2", "STATUS_CODE_ERROR"}
NANOSECONDS = 1_000_000_000
MODEL = (
    "langfuse.observation.model.name",
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.response.model",
    "llm.model_name",
    "model",
)
USAGE = {
    "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"),
    "total": ("gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"),
}
INPUT = ("langfuse.observation.input", "input.value", "gen_ai.input.messages", "gen_ai.prompt", "mlflow.spanInputs")
OUTPUT = (
    "langfuse.observation.output",
    "output.value",
    "gen_ai.output.messages",
    "gen_ai.completion",
    "mlflow.spanOutputs",
)


@dataclass(frozen=True)
class Span:
    """One span with everything that describes it; times are UTC."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start: datetime
    end: datetime | None
    failed: bool
    status_message: str | None
    attributes: dict[str, Any]
    resource: dict[str, Any]


def read_spans(resource_spans: list[dict[str, Any]]) -> list[Span]:
    """Every span of a stored request."""
    spans: list[Span] = []
    for group in resource_spans:
        resource = as_mapping((group.get("resource") or {}).get("attributes"))
        for scope in group.get("scopeSpans") or []:
            spans.extend(_read_span(raw, resource) for raw in scope.get("spans") or [])
    return spans


def _read_span(raw: dict[str, Any], resource: dict[str, Any]) -> Span:
    status = raw.get("status") or {}
    end = int(raw.get("endTimeUnixNano") or 0)
    return Span(
        trace_id=raw["traceId"].lower(),
        span_id=raw["spanId"].lower(),
        parent_id=(raw.get("parentSpanId") or "").lower() or None,
        name=raw.get("name") or "",
        start=_moment(int(raw.get("startTimeUnixNano") or 0)),
        end=_moment(end) if end else None,
        failed=status.get("code") in ERROR_CODES,
        status_message=status.get("message") or None,
        attributes=as_mapping(raw.get("attributes")),
        resource=resource,
    )


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / NANOSECONDS, tz=UTC)


def observation_of(span: Span) -> dict[str, Any]:
    """The observation that a span is, in the words of Langfuse's ingestion bodies."""
    attributes = span.attributes
    usage = usage_of(attributes)
    model = first(attributes, *MODEL)
    explicit = str(attributes.get("langfuse.observation.type") or "").upper()
    return {
        "id": span.span_id,
        "traceId": span.trace_id,
        "parentObservationId": span.parent_id,
        "type": explicit or ("GENERATION" if model or usage else "SPAN"),
        "name": span.name,
        "startTime": span.start.isoformat(),
        "endTime": span.end.isoformat() if span.end else None,
        "environment": environment_of(span),
        "version": as_text(first(attributes, "langfuse.version")),
        "level": str(attributes.get("langfuse.observation.level") or ("ERROR" if span.failed else "DEFAULT")),
        "statusMessage": as_text(attributes.get("langfuse.observation.status_message")) or span.status_message,
        "model": as_text(model),
        "modelParameters": as_json(attributes.get("langfuse.observation.model.parameters")),
        "usageDetails": usage,
        "costDetails": as_json(attributes.get("langfuse.observation.cost_details")) or {},
        "completionStartTime": as_json(attributes.get("langfuse.observation.completion_start_time")),
        "input": as_json(first(attributes, *INPUT) or conversation(attributes, "gen_ai.prompt")),
        "output": as_json(first(attributes, *OUTPUT) or conversation(attributes, "gen_ai.completion")),
        "metadata": metadata_of(span),
    }


def trace_of(span: Span) -> dict[str, Any]:
    """What a span says about its trace; a root span also lends its name, input and output."""
    attributes = span.attributes
    root = span.parent_id is None
    observed = observation_of(span) if root else {}
    told = {
        "id": span.trace_id,
        "timestamp": span.start.isoformat(),
        "environment": environment_of(span),
        "name": as_text(attributes.get("langfuse.trace.name")) or (span.name if root else None),
        "userId": as_text(first(attributes, "user.id", "langfuse.user.id")),
        "sessionId": as_text(first(attributes, "session.id", "langfuse.session.id")),
        "tags": as_list(attributes.get("langfuse.trace.tags")),
        "public": attributes.get("langfuse.trace.public"),
        "release": as_text(attributes.get("langfuse.release")),
        "version": as_text(attributes.get("langfuse.version")),
        "metadata": below(attributes, "langfuse.trace.metadata"),
        "input": as_json(attributes.get("langfuse.trace.input")) or observed.get("input"),
        "output": as_json(attributes.get("langfuse.trace.output")) or observed.get("output"),
    }
    return {name: value for name, value in told.items() if value not in (None, [], {})}


def environment_of(span: Span) -> str:
    """The environment of a span, else of its resource, else `default`."""
    names = ("langfuse.environment", "deployment.environment.name", "deployment.environment")
    return str(first(span.attributes, *names) or first(span.resource, *names) or "default")


def usage_of(attributes: dict[str, Any]) -> dict[str, int]:
    """Token counts by kind."""
    told = as_json(attributes.get("langfuse.observation.usage_details"))
    if isinstance(told, dict):
        return {str(kind): int(count) for kind, count in told.items() if isinstance(count, int | float)}
    counts = {kind: first(attributes, *names) for kind, names in USAGE.items()}
    return {kind: int(count) for kind, count in counts.items() if count is not None}


def metadata_of(span: Span) -> dict[str, Any]:
    """The metadata that was given, and everything else that the span carried."""
    told = below(span.attributes, "langfuse.observation.metadata")
    rest = {
        name: value for name, value in span.attributes.items() if not name.startswith(("langfuse.", *INPUT, *OUTPUT))
    }
    return {**told, "attributes": rest, "resourceAttributes": span.resource}
