"""OTLP attribute lists as plain values."""

from __future__ import annotations

import json
from typing import Any


def as_mapping(attributes: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A KeyValue list as a mapping; a key given twice keeps its last value."""
    return {str(item["key"]): as_value(item.get("value") or {}) for item in attributes or [] if "key" in item}


def as_value(value: dict[str, Any]) -> Any:
    """One AnyValue."""
    for kind, content in value.items():
        match kind:
            case "intValue":
                return int(content)
            case "doubleValue":
                return float(content)
            case "arrayValue":
                return [as_value(entry) for entry in content.get("values") or []]
            case "kvlistValue":
                return as_mapping(content.get("values"))
            case _:
                return content
    return None


def first(attributes: dict[str, Any], *names: str) -> Any:
    """The first of these attributes that is there."""
    for name in names:
        if attributes.get(name) not in (None, ""):
            return attributes[name]
    return None


def as_text(value: Any) -> str | None:
    """Text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def as_json(value: Any) -> Any:
    """JSON text as what it says, anything else as it is."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def as_list(value: Any) -> list[str]:
    """Tags: a list, a JSON list, or one text."""
    content = as_json(value)
    if content is None:
        return []
    return [str(entry) for entry in content] if isinstance(content, list) else [str(content)]


def below(attributes: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Attributes `prefix.x` as `{x: …}`, together with a JSON object in `prefix` itself."""
    whole = as_json(attributes.get(prefix))
    found = dict(whole) if isinstance(whole, dict) else {}
    start = f"{prefix}."
    return found | {name.removeprefix(start): value for name, value in attributes.items() if name.startswith(start)}


def conversation(attributes: dict[str, Any], prefix: str) -> list[dict[str, Any]] | None:
    """Messages given one attribute each, `prefix.0.role`, `prefix.0.content`, in their order."""
    messages: dict[int, dict[str, Any]] = {}
    for name, value in below(attributes, prefix).items():
        index, _, part = name.partition(".")
        if index.isdigit() and part:
            messages.setdefault(int(index), {})[part] = value
    return [messages[index] for index in sorted(messages)] or None
