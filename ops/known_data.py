"""Which data a stack has had, as far as this machine saw it: what tells data that is new from data that vanished."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ops.session import OpsError
from policy.data_types import what_is
from toolchain.paths import state_dir, write_private


def known(stack: str) -> frozenset[str] | None:
    """URNs of all data that was ever seen in the stack's state; None when nobody looked yet.

    Raises:
        OpsError: the record is there and cannot be read.
    """
    path = _path(stack)
    if not path.exists():
        return None
    try:
        urns = json.loads(path.read_text(encoding="utf-8"))
        return frozenset(str(urn) for urn in urns)
    except (OSError, ValueError, TypeError):
        raise OpsError(f"{path} cannot be read: put it back from a backup of the state folder, or remove it") from None


def learn(stack: str, resources: Iterable[Mapping[str, Any]]) -> None:
    """Add the data among `resources`, which are in the state; nothing is ever forgotten."""
    before = known(stack)
    seen = (before or frozenset()) | {str(entry["urn"]) for entry in resources if what_is(str(entry["urn"]))}
    if seen != before:
        write_private(_path(stack), json.dumps(sorted(seen), indent=1))


def _path(stack: str) -> Path:
    return state_dir() / f"data.{stack}.json"
