"""How much memory each service may have: one table, for every platform."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

MEGABYTE = 1 << 20
STEP_MB = 64
MACHINE_SHARE = 0.9
"""Of a machine's memory that its services may have together, where that is enough for what they need."""


@dataclass(frozen=True)
class Need:
    """Memory of one service in MB."""

    least: int
    """Below, it does not start or is killed under usual load."""
    ample: int
    """As Langfuse's documentation asks for, or more than it was seen to use."""


NEEDS: Mapping[str, Need] = {
    "clickhouse": Need(2048, 8192),
    "clickhouse-keeper": Need(512, 1024),
    "clickhouse-proxy": Need(128, 512),
    "minio": Need(512, 2048),
    "postgres": Need(512, 2048),
    "redis": Need(512, 2048),
    "cache": Need(256, 512),
    "langfuse-web": Need(2048, 4096),
    "langfuse-web-proxy": Need(128, 512),
    "langfuse-worker": Need(2048, 4096),
    "relay": Need(256, 512),
    "relay-proxy": Need(128, 256),
    "gateway": Need(1024, 2048),
    "media": Need(128, 512),
}


def kind_of(service: str) -> str:
    """What a service is one of: its name without the number of a replica."""
    name, _, number = service.rpartition("-")
    return name if number.isdigit() else service


def machine_mb() -> int:
    """Memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEGABYTE


def fitted(machine_mb: int, overrides: Mapping[str, int]) -> dict[str, int]:
    """Kind of service to its limit in MB on one machine that runs them all.

    Limits are no reservations: where a machine is small, what the services need at least may add up to more.

    Args:
        machine_mb: memory of the machine.
        overrides: limits that were set.
    """
    room = machine_mb * MACHINE_SHARE - sum(overrides.values())
    others = {kind: need for kind, need in NEEDS.items() if kind not in overrides}
    share = min(1.0, max(0.0, room) / max(1, sum(need.ample for need in others.values())))
    limits = {kind: max(need.least, int(need.ample * share)) // STEP_MB * STEP_MB for kind, need in others.items()}
    return {**limits, **overrides}


def redis_maxmemory_mb(limit_mb: int) -> int:
    """What a Redis may keep: the rest of its limit is for copies while it rewrites its file, and for its clients."""
    return limit_mb * 6 // 10
