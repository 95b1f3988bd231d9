"""What was in use on each disk when capacity was measured before: without it, no disk's growth is known."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from toolchain.paths import write_private

LEAST_APART = timedelta(minutes=10)
KEPT = timedelta(days=60)
MOST = 2000
"""Measurements that are kept."""


def read(path: Path) -> dict[str, list[tuple[datetime, int]]]:
    """Time and bytes in use by disk, oldest first; what cannot be read is left out."""
    found: dict[str, list[tuple[datetime, int]]] = {}
    for at, used in _lines(path):
        for store, size in used.items():
            found.setdefault(store, []).append((at, size))
    return found


def add(path: Path, used: Mapping[str, int], now: datetime) -> None:
    """Remember what is in use now, unless that was done a moment ago; what is old is forgotten.

    Raises:
        OSError: the file cannot be written.
    """
    known = _lines(path)
    if not used or (known and now - known[-1][0] < LEAST_APART):
        return
    kept = [*[(at, sizes) for at, sizes in known if now - at < KEPT][-MOST:], (now, used)]
    lines = [json.dumps({"at": at.isoformat(), "used": dict(sizes)}) + "\n" for at, sizes in kept]
    write_private(path, "".join(lines))


def _lines(path: Path) -> Sequence[tuple[datetime, Mapping[str, int]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
            at = datetime.fromisoformat(entry["at"]).astimezone(UTC)
            found.append((at, {str(store): int(size) for store, size in entry["used"].items()}))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return sorted(found, key=lambda entry: entry[0])
