"""Rows as the public API shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from standin.trace.attributes import as_json

Row = dict[str, Any]
RENAMED = {"provided_model_name": "model", "metadata": "metadata"}


def camel(name: str) -> str:
    """`start_time` as `startTime`."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def moment(value: datetime) -> str:
    """A time as JavaScript writes it."""
    utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def shown(row: Row) -> Row:
    """One row with the API's names, times as text, and inputs, outputs and metadata as JSON."""
    found: Row = {}
    for name, value in row.items():
        if name in {"total_items", "bookmarked"}:
            continue
        key = RENAMED.get(name) or camel(name)
        if isinstance(value, datetime):
            found[key] = moment(value)
        elif name in {"input", "output", "model_parameters"}:
            found[key] = as_json(value)
        elif name == "metadata":
            found[key] = {inner: as_json(text) for inner, text in value.items()}
        else:
            found[key] = value
    return found


def shown_observation(row: Row) -> Row:
    """An observation, with the names that older clients read its usage by."""
    found = shown(row)
    usage = found.get("usageDetails") or {}
    counted = {kind: usage.get(kind, 0) for kind in ("input", "output", "total")}
    return {
        **found,
        "usage": {**counted, "unit": "TOKENS"},
        "promptTokens": counted["input"],
        "completionTokens": counted["output"],
        "totalTokens": counted["total"],
        "latency": _seconds(row.get("start_time"), row.get("end_time")),
    }


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None


def page(data: list[Row], rows: list[Row], number: int, limit: int) -> Row:
    """A page of a list."""
    total = int(rows[0]["total_items"]) if rows else 0
    return {
        "data": data,
        "meta": {"page": number, "limit": limit, "totalItems": total, "totalPages": -(-total // limit)},
    }
