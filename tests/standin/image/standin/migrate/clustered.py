"""Turns a migration for one server into the one for a cluster named `default`."""

from __future__ import annotations

import re

_NAMED = re.compile(
    r"^((?:CREATE|DROP|ALTER)\s+(?:MATERIALIZED\s+)?(?:TABLE|VIEW)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?\w+)", re.MULTILINE
)
_ENGINE = re.compile(r"^(ENGINE\s*=\s*)(\w*MergeTree)", re.MULTILINE)


def to_clustered(sql: str) -> str:
    """The same statements `ON CLUSTER default`, with replicated engines."""
    return _ENGINE.sub(r"\1Replicated\2", _NAMED.sub(r"\1 ON CLUSTER default", sql))
