"""Peak memory of a command with everything it starts."""

import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

PAUSE_SECONDS = 0.05
MEGABYTE = 1_000_000
PROC = Path("/proc")


def peak_megabytes(start: Callable[[], subprocess.Popen[bytes]]) -> float:
    """Run a command to its end; the greatest resident memory that it and its descendants had together, in MB.

    Pages that several processes share count for each of them, so that this is an upper bound.
    """
    peak = 0.0
    with start() as process:
        over = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not over.wait(PAUSE_SECONDS):
                peak = max(peak, sum(_resident(pid) for pid in _family(process.pid)) / MEGABYTE)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        code = process.wait()
        over.set()
        watcher.join()
    if code != 0:
        raise subprocess.CalledProcessError(code, process.args)
    return peak


def _family(root: int) -> Sequence[int]:
    children: dict[int, list[int]] = {}
    for path in PROC.glob("[0-9]*"):
        if (parent := _parent(path)) is not None:
            children.setdefault(parent, []).append(int(path.name))
    family = [root]
    for pid in family:
        family += children.get(pid, [])
    return family


def _parent(process: Path) -> int | None:
    try:
        # The name, in brackets, may hold spaces; the state and the parent follow it.
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _resident(pid: int) -> int:
    """In bytes; 0 once the process is gone."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmRSS:")), "VmRSS: 0 kB")
    return int(line.split()[1]) * 1024
