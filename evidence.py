"""Evidence: an append-only record of what was done and what was seen, one folder a run.

A leaf that checks, platforms and operator commands share. The folder is named by the environment, so that the engine's
child processes write into the folder of the run that started them; without one nothing is written, and the evidence is
what the stack's state keeps. `ops/evidence.py` opens and seals the folders.
"""

import base64
import contextlib
import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

FOLDER_VARIABLE = "LANGFUSE_STACK_EVIDENCE"
"""Names the folder of the run at hand."""
MANIFEST = "manifest.json"
"""Its presence seals a folder: nothing is added any more."""
SEALING = ".manifest.json"
"""What it is called until the decision log has its line."""
LONGEST_SLUG = 80
SHORTEST_SECRET = 6
"""Shorter values would be found everywhere; none of the stack's secrets is that short."""


class EvidenceError(Exception):
    """A record could not be written, so the step that it proves counts as failed."""


def record(kind: str, name: str, content: Mapping[str, Any]) -> Path | None:
    """Add one record to the run's folder; nothing in it is ever overwritten.

    Args:
        kind: what it is, for example `gate` or `command`.
        name: what it is about.
        content: free of secrets; JSON.

    Returns:
        The file, readable by its owner only; None outside a recorded run.

    Raises:
        EvidenceError: it cannot be written, or the run has ended.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return None
    if any((Path(folder) / name).exists() for name in (MANIFEST, SEALING)):
        raise EvidenceError(f"evidence of {name} comes after its run was sealed in {folder}; run the command again")
    slug = slugged(f"{kind}-{name}")
    entry = {"kind": kind, "name": name, "at": now(), **content}
    return write_once(Path(folder) / f"{time.time_ns()}-{os.getpid()}-{slug}.json", entry)


def write_once(path: Path, document: Mapping[str, Any]) -> Path:
    """Write a JSON file that was not there before, durably and for its owner only; a half-written one is removed.

    Raises:
        EvidenceError: it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=1, sort_keys=True, default=str)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def unwritable(path: Path, error: OSError) -> EvidenceError:
    """What to say when evidence cannot be written to `path`."""
    return EvidenceError(
        f"evidence {path} cannot be written ({error.strerror}), and nothing is done without it: "
        "free space there, or set LANGFUSE_STACK_ARTIFACTS to a folder that can be written, and run again"
    )


def now() -> str:
    """The time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def slugged(text: str) -> str:
    """`text` as part of a file name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:LONGEST_SLUG]


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret replaced by `…`: plain, URL-encoded, JSON-escaped or in base64."""
    forms = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _spellings(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "…")
    return text


def _spellings(secret: str) -> Iterable[str]:
    yield secret
    yield unquote(secret)
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    # In base64 a text looks different after 0, 1 or 2 other bytes; its edges also depend on its neighbours.
    raw = secret.encode()
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * offset + raw).decode().rstrip("=")
            inner = whole[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
            if len(inner) >= SHORTEST_SECRET:
                yield inner
