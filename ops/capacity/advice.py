"""Which settings to change, on the platform that the stack runs on. Nothing it says removes data."""

import math
from dataclasses import dataclass

from ops.capacity.measurement import Disk
from platforms.facts import PlatformFacts

GIGABYTE = 1e9
UP = "then `make up`"
CONCURRENCY = {
    "otel-ingestion-queue": "LANGFUSE_OTEL_INGESTION_QUEUE_PROCESSING_CONCURRENCY",
    "ingestion-queue": "LANGFUSE_INGESTION_QUEUE_PROCESSING_CONCURRENCY",
}
"""Worker's variable for each queue of events."""


@dataclass(frozen=True)
class Advice:
    """What to change.

    Args:
        platform: where the stack runs.
    """

    platform: PlatformFacts

    @property
    def cluster(self) -> str:
        """More than one server of each kind."""
        return (
            f"`pulumi config set worker:replicas 2`, {UP}; a larger machine for ClickHouse "
            f"({self._machine('clickhouse')}); "
            "cluster mode, so that events are taken in while one server is away: a stack with `clickhouse:replicas` 2, "
            "docs/operations.md has the way there"
        )

    def worker(self, queue: str) -> str:
        """A worker that takes more of a queue, or more workers."""
        variable = CONCURRENCY.get(queue.rstrip("-0123456789"))
        more = f"`langfuse:extraEnv` with twice the {variable}, or " if variable else ""
        return f"`make status`: the worker must run; {more}`pulumi config set worker:replicas 2`, {UP}"

    @property
    def deletions(self) -> str:
        """A decision about deletions."""
        return (
            f"`pulumi config set langfuse:deletions true`, {UP}, deletes all that was ever asked for; to keep it, "
            "leave it so. `make doctor` has the reason that each job gave"
        )

    @property
    def parts(self) -> str:
        """Fewer parts."""
        return (
            "`make doctor` for merges that fail; fewer, larger inserts: `langfuse:extraEnv` with "
            f"LANGFUSE_INGESTION_CLICKHOUSE_WRITE_INTERVAL_MS above 1000, {UP}"
        )

    def disk(self, disk: Disk) -> str:
        """A larger disk."""
        service = disk.store.partition(" ")[0]
        look = "`python -m ops retention` shows what is old"
        if self.platform.sized_volumes:
            wanted = math.ceil(1.5 * disk.total / GIGABYTE)
            return f"`pulumi config set {service}:volumeGb {wanted}`, {UP}: a volume can grow, not shrink; {look}"
        return f"give Docker's data folder a larger disk; {look}"

    def memory(self, of: str) -> str:
        """More memory."""
        if of.startswith("clickhouse"):
            return f"more memory ({self._machine('clickhouse')}), or a larger `clickhouse:memoryRatio`"
        if of.startswith("langfuse-"):
            return f"more memory ({self._machine(of)}); NODE_OPTIONS in `langfuse:extraEnv` caps the heap"
        return f"more memory ({self._machine(of)})"

    def _machine(self, service: str) -> str:
        place = "fly:machines" if self.platform.machine_per_service else "langfuse-stack:memoryMb"
        return f"`{place}`, {service}"
