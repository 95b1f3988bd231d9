"""Evidence: an append-only record of what was done and what was seen, one folder a run.

A leaf that checks, platforms and operator commands share. The folder is named by the environment, so that the engine's
child processes write into the folder of the run that started them; without one nothing is written, and the evidence is
what the stack's state keeps.
"""

import json
import os
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "LANGFUSE_STACK_EVIDENCE"
"""Names the folder of the run at hand."""


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
        EvidenceError: it cannot be written.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return None
    slug = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{kind}-{name}")
    path = Path(folder) / f"{time.time_ns()}-{os.getpid()}-{slug}.json"
    entry = {"kind": kind, "name": name, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **content}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(entry, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise EvidenceError(f"evidence {path} cannot be written: {error.strerror}; free space and run again") from error
    return path
