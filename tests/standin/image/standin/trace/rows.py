"""What is known of a trace, an observation or a score, as a row of its ClickHouse table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from standin.trace.attributes import as_text

Row = dict[str, Any]


def now() -> str:
    """This moment, for columns that say when a row was written."""
    return datetime.now(UTC).isoformat()


def text_map(metadata: Any) -> dict[str, str]:
    """Metadata as a flat map of texts."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        return {"metadata": as_text(metadata) or ""}
    return {str(name): as_text(value) or "" for name, value in metadata.items()}


def usage_map(body: dict[str, Any]) -> dict[str, int]:
    """Token counts from any of the forms that bodies carry."""
    told = body.get("usageDetails") or body.get("usage") or {}
    names = {"promptTokens": "input", "completionTokens": "output", "totalTokens": "total"}
    return {names.get(kind, kind): int(count) for kind, count in told.items() if isinstance(count, int | float)}


def trace_row(project_id: str, body: dict[str, Any]) -> Row:
    """A row of `traces`."""
    moment = now()
    return {
        "id": body["id"],
        "timestamp": body.get("timestamp") or moment,
        "name": body.get("name") or "",
        "user_id": body.get("userId"),
        "metadata": text_map(body.get("metadata")),
        "release": body.get("release"),
        "version": body.get("version"),
        "project_id": project_id,
        "environment": body.get("environment") or "default",
        "public": bool(body.get("public")),
        "bookmarked": False,
        "tags": body.get("tags") or [],
        "input": as_text(body.get("input")),
        "output": as_text(body.get("output")),
        "session_id": body.get("sessionId"),
        "created_at": moment,
        "updated_at": moment,
        "event_ts": moment,
        "is_deleted": 0,
    }


def observation_row(project_id: str, body: dict[str, Any]) -> Row:
    """A row of `observations`."""
    moment = now()
    return {
        "id": body["id"],
        "trace_id": body.get("traceId") or "",
        "project_id": project_id,
        "environment": body.get("environment") or "default",
        "type": body.get("type") or "SPAN",
        "parent_observation_id": body.get("parentObservationId"),
        "start_time": body.get("startTime") or body.get("timestamp") or moment,
        "end_time": body.get("endTime"),
        "name": body.get("name") or "",
        "metadata": text_map(body.get("metadata")),
        "level": body.get("level") or "DEFAULT",
        "status_message": body.get("statusMessage"),
        "version": body.get("version"),
        "input": as_text(body.get("input")),
        "output": as_text(body.get("output")),
        "provided_model_name": body.get("model"),
        "model_parameters": as_text(body.get("modelParameters")),
        "usage_details": usage_map(body),
        "cost_details": body.get("costDetails") or {},
        "completion_start_time": body.get("completionStartTime"),
        "created_at": moment,
        "updated_at": moment,
        "event_ts": moment,
        "is_deleted": 0,
    }


def score_row(project_id: str, body: dict[str, Any]) -> Row:
    """A row of `scores`."""
    moment = now()
    value = body.get("value")
    numeric = isinstance(value, int | float)
    return {
        "id": body["id"],
        "timestamp": body.get("timestamp") or moment,
        "project_id": project_id,
        "environment": body.get("environment") or "default",
        "trace_id": body.get("traceId"),
        "session_id": body.get("sessionId"),
        "observation_id": body.get("observationId"),
        "name": body.get("name") or "",
        "value": value if numeric else None,
        "source": "API",
        "comment": body.get("comment"),
        "metadata": text_map(body.get("metadata")),
        "data_type": body.get("dataType") or ("NUMERIC" if numeric else "CATEGORICAL"),
        "string_value": None if numeric else str(value),
        "created_at": moment,
        "updated_at": moment,
        "event_ts": moment,
        "is_deleted": 0,
    }


def event_row(project_id: str, observation: dict[str, Any], trace: dict[str, Any], key: str = "") -> Row:
    """A row of `events_full`: an observation together with what its span says of the trace, and its OTLP object."""
    moment = now()
    metadata = text_map({**(trace.get("metadata") or {}), **(observation.get("metadata") or {})})
    return {
        "project_id": project_id,
        "trace_id": observation.get("traceId") or "",
        "span_id": observation["id"],
        "parent_span_id": observation.get("parentObservationId") or "",
        "start_time": observation.get("startTime") or moment,
        "end_time": observation.get("endTime"),
        "name": observation.get("name") or "",
        "type": observation.get("type") or "SPAN",
        "environment": observation.get("environment") or "default",
        "version": observation.get("version") or "",
        "release": trace.get("release") or "",
        "trace_name": trace.get("name") or "",
        "user_id": trace.get("userId") or "",
        "session_id": trace.get("sessionId") or "",
        "tags": trace.get("tags") or [],
        "level": observation.get("level") or "DEFAULT",
        "status_message": observation.get("statusMessage") or "",
        "provided_model_name": observation.get("model") or "",
        "model_parameters": as_text(observation.get("modelParameters")) or "",
        "usage_details": usage_map(observation),
        "cost_details": observation.get("costDetails") or {},
        "completion_start_time": observation.get("completionStartTime"),
        "input": as_text(observation.get("input")) or "",
        "output": as_text(observation.get("output")) or "",
        "metadata_names": list(metadata),
        "metadata_values": list(metadata.values()),
        "blob_storage_file_path": key,
        "created_at": moment,
        "updated_at": moment,
        "event_ts": moment,
        "is_deleted": 0,
    }


def file_log_row(project_id: str, entity: tuple[str, str], event_id: str, bucket: str, key: str) -> Row:
    """A row of `blob_storage_file_log`: which object an entity, given by kind and id, came from."""
    kind, entity_id = entity
    moment = now()
    return {
        "id": f"{project_id}-{kind}-{entity_id}-{event_id}",
        "project_id": project_id,
        "entity_type": kind,
        "entity_id": entity_id,
        "event_id": event_id,
        "bucket_name": bucket,
        "bucket_path": key,
        "created_at": moment,
        "updated_at": moment,
        "event_ts": moment,
        "is_deleted": 0,
    }
