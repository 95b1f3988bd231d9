"""Locks of the engine on a stack whose state is in a folder of this machine."""

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Lock:
    """What a run of the engine wrote down of itself."""

    pid: int
    host: str
    since: str

    @property
    def is_stale(self) -> bool:
        """Whether the run that made it is known to have ended."""
        return self.host == socket.gethostname() and not engine_runs(self.pid)


def lock_folder(environment: Mapping[str, str]) -> Path | None:
    """Where the locks are; None where the state is elsewhere."""
    backend = urlsplit(environment.get("PULUMI_BACKEND_URL", ""))
    if backend.scheme != "file":
        return None
    return Path(unquote(backend.path)) / ".pulumi" / "locks" / "organization"


def locks(folder: Path, stack: str) -> Iterator[Lock]:
    """Every lock on a stack."""
    for path in sorted(folder.glob(f"*/{stack}/*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        yield Lock(int(content["pid"]), str(content.get("hostname", "?")), str(content.get("timestamp", "?")))


def engine_runs(pid: int) -> bool:
    """Whether `pid` is a living engine; a dead one may linger as a zombie, or its number be somebody else's by now."""
    import psutil

    try:
        process = psutil.Process(pid)
        return "pulumi" in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
