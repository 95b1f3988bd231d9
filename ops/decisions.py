"""The decision log: one line for everything that was done, each chained to the line before it by its hash."""

import errno
import fcntl
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evidence import EvidenceError, now, unwritable
from ops.session import ROOT
from toolchain.paths import state_dir, write_private

LOG = "decision-log.jsonl"
PLACE_VARIABLE = "LANGFUSE_STACK_ARTIFACTS"
OPERATOR_VARIABLE = "LANGFUSE_STACK_OPERATOR"
ANCHOR = "decision-log-anchor.json"
"""In the state folder: the hash of the newest line, so that a shortened or replaced log shows."""
Action = Literal[
    "langfuse_self_host_executed",
    "down",
    "rollback",
    "undo",
    "stop",
    "start",
    "reset",
    "destroy",
    "backup",
    "restore",
    "rehearse",
    "undelete",
    "replay",
    "upgrade",
    "adopt",
    "migrate-state",
    "rotate",
    "members",
    "refused",
    "incident_recorded",
]


def place() -> Path:
    """The folder of all evidence: `artifacts/ops/langfuse`, or what LANGFUSE_STACK_ARTIFACTS names."""
    named = os.environ.get(PLACE_VARIABLE)
    return Path(named).expanduser().absolute() if named else ROOT / "artifacts" / "ops" / "langfuse"


def operator() -> str:
    """Who acts: LANGFUSE_STACK_OPERATOR, or the user of this machine, behind `sudo` too."""
    named = os.environ.get(OPERATOR_VARIABLE)
    user = os.environ.get("SUDO_USER") or getpass.getuser()
    return named or f"{user}@{socket.gethostname()}"


@dataclass(frozen=True)
class Line:
    """One line of the log."""

    number: int
    hash: str
    """sha256 of the line as it stands in the file, without its line end."""
    entry: Mapping[str, Any] | None
    """None when it is not JSON."""


def append(root: Path, action: Action, entry: Mapping[str, Any]) -> None:
    """Add a line, durably; all of it or nothing.

    Raises:
        EvidenceError: it cannot be written.
    """
    path = root / LOG
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = file.seek(0, os.SEEK_END)
            last, torn = _last_line(file.fileno(), before)
            document = {"action": action, "at": now(), "who": operator(), **entry, "previous": last}
            line = json.dumps(document, sort_keys=True, default=str).encode()
            try:
                whole = (b"\n" if torn else b"") + line + b"\n"
                _write_whole(file.fileno(), whole)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise
            _drop_anchor(root, hashlib.sha256(line).hexdigest())
    except OSError as error:
        raise unwritable(path, error) from error


def _write_whole(descriptor: int, content: bytes) -> None:
    if os.write(descriptor, content) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lines(root: Path) -> Iterator[Line]:
    """Every line of the log, oldest first.

    Raises:
        EvidenceError: the log cannot be read.
    """
    try:
        content = (root / LOG).read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise EvidenceError(f"{root / LOG} cannot be read: {error.strerror}") from error
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        yield Line(number, hashlib.sha256(line).hexdigest(), entry if isinstance(entry, dict) else None)


def anchor(root: Path) -> str | None:
    """Hash of the newest line that this machine's user wrote to the log in `root`; None before the first."""
    value = _anchors().get(str(root))
    return str(value) if value else None


def _last_line(descriptor: int, size: int) -> tuple[str, bool]:
    """Hash of the last line, empty for none; and whether the line end is missing."""
    reach, tail = 1 << 14, b""
    while size and len(tail) < size and b"\n" not in tail[:-1]:
        reach = min(reach * 4, size)
        tail = os.pread(descriptor, reach, size - reach)
    found = tail.splitlines()
    return (hashlib.sha256(found[-1]).hexdigest() if found else ""), bool(tail) and not tail.endswith(b"\n")


def _anchors() -> dict[str, Any]:
    try:
        document = json.loads((state_dir() / ANCHOR).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _drop_anchor(root: Path, line: str) -> None:
    write_private(state_dir() / ANCHOR, json.dumps({**_anchors(), str(root): line}))
