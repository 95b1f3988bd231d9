"""Where a stack's data is found: under another address everything is still there, and nothing reads it."""

from collections.abc import Iterator, Mapping
from typing import Any

KEEPER = "pulumi-python:dynamic/checks:DataKeys"
"""Type of the resource that remembers the addresses."""
DATABASE_GATE = "pulumi-python:dynamic/checks:ClickHouse"
DATABASE = "clickhouse:database"
LEFT_BEHIND: Mapping[str, str] = {
    DATABASE: "every trace, observation and score in that database",
    "redis:keyPrefix": "every job that waits in a queue under that prefix",
    "langfuse:project": "everything that was traced into the project of that id, and its keys",
    "bucket of events": "every raw event in that bucket",
    "bucket of media": "every media file in that bucket",
    "bucket of exports": "every export in that bucket",
    "schema of Postgres": "every project, user, key and prompt in that schema",
}
"""Address to what would be orphaned."""


def moved(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Each address that a plan changes, with what would be left behind.

    Args:
        kind: type of the resource.
        old: the resource in the state.
        new: the resource in the plan.
    """
    before, after = _addresses(kind, old), _addresses(kind, new)
    for address in sorted(before.keys() & after.keys()):
        if before[address] != after[address]:
            yield (
                f"{address} would go from {before[address]!r} to {after[address]!r}: "
                f"{LEFT_BEHIND.get(address, 'what is there')} would be orphaned"
            )


def _addresses(kind: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = entry.get("inputs") or {}
    if kind == KEEPER:
        return dict(inputs.get("addresses") or {})
    # A state of before the addresses were kept has this one at its gate.
    return {DATABASE: inputs["database"]} if kind == DATABASE_GATE and "database" in inputs else {}
