"""The BullMQ queues between web and worker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bullmq import Queue

from standin.stores.redis import connect, patiently

if TYPE_CHECKING:
    from standin.redis_settings import RedisSettings

OTEL_QUEUE = "otel-ingestion-queue"
INGESTION_QUEUE = "ingestion-queue"
SECONDARY_QUEUE = "secondary-ingestion-queue"
"""Filled by replays alone; web puts nothing into it."""
TRACE_DELETE_QUEUE = "trace-delete"
JOB_NAMES = {OTEL_QUEUE: "otel-ingestion-job", INGESTION_QUEUE: "ingestion-job", TRACE_DELETE_QUEUE: "trace-delete"}
KEPT_FAILED = 100_000


def _options(*, attempts: int, delay_ms: int) -> dict[str, Any]:
    backoff = {"type": "exponential", "delay": delay_ms}
    return {"removeOnComplete": True, "removeOnFail": KEPT_FAILED, "attempts": attempts, "backoff": backoff}


JOB_OPTIONS = {
    OTEL_QUEUE: _options(attempts=6, delay_ms=5000),
    INGESTION_QUEUE: _options(attempts=6, delay_ms=5000),
    TRACE_DELETE_QUEUE: _options(attempts=2, delay_ms=30_000),
}
"""How often a job is tried; one that failed for good stays in the queue's `failed`."""


class Queues:
    """The producer's side of the queues."""

    def __init__(self, settings: RedisSettings) -> None:
        self._queues = {
            name: Queue(
                name,
                {
                    "connection": connect(settings),
                    "prefix": settings.queue_prefix,
                    "defaultJobOptions": JOB_OPTIONS[name],
                },
            )
            for name in JOB_NAMES
        }

    async def add(self, queue: str, payload: dict[str, Any], *, delay_ms: int = 0) -> dict[str, Any]:
        """Add one job and return it as the API shows it.

        Raises:
            RedisUnavailableError: Redis stayed away.
        """
        name = JOB_NAMES[queue]
        data = {"timestamp": datetime.now(UTC).isoformat(), "id": str(uuid4()), "payload": payload, "name": name}
        options = {"delay": delay_ms} if delay_ms else {}
        job = await patiently(lambda: self._queues[queue].add(name, data, options))
        return {"id": job.id, "name": name, "data": data, "opts": {**JOB_OPTIONS[queue], **options}, "queueName": queue}

    async def close(self) -> None:
        """Give the connections back."""
        for queue in self._queues.values():
            await queue.close()
