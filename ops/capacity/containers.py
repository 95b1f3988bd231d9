"""Memory of containers, as Docker counts it: without what the kernel only keeps as a cache."""

import json
import re
import subprocess
from collections.abc import Sequence

from ops.capacity.measurement import Memory
from ops.doctor.looks import LookError, Looks

SECONDS = 10
UNITS = {"B": 1, "kB": 1000, "KiB": 1 << 10, "MB": 10**6, "MiB": 1 << 20, "GB": 10**9, "GiB": 1 << 30, "TiB": 1 << 40}
SIZE = re.compile(r"([\d.]+) ?([kKMGT]?i?B)")


def memory_of(looks: Looks) -> Sequence[Memory]:
    """Memory of every running container of the stack.

    Raises:
        LookError: Docker does not answer.
    """
    running = {facts.name: service for service, found in looks.facts().items() for facts in found if runs(facts.state)}
    if not running:
        raise LookError("memory of containers: none runs; `make up` starts them")
    argv = ["docker", "stats", "--no-stream", "--format", "{{json .}}", *running]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LookError(f"memory of containers: docker stats: {type(error).__name__}") from None
    if done.returncode != 0:
        raise LookError(f"memory of containers: {done.stderr.strip()[:200]}")
    return parsed(done.stdout, running)


def runs(state: str) -> bool:
    """Whether a container in this state has memory."""
    return state in {"running", "paused"}


def parsed(lines: str, services: dict[str, str]) -> list[Memory]:
    """What `docker stats` printed.

    Args:
        lines: JSON, one container a line.
        services: of each container's name.
    """
    found = []
    for line in lines.splitlines():
        entry = json.loads(line)
        used, limit = (_bytes(text) for text in entry["MemUsage"].split("/"))
        found.append(Memory(services[entry["Name"]], used, limit or None))
    return sorted(found, key=lambda memory: memory.of)


def _bytes(text: str) -> int:
    number = SIZE.search(text)
    if number is None:
        raise LookError(f"memory of containers: docker stats says {text.strip()}")
    return round(float(number[1]) * UNITS[number[2]])
