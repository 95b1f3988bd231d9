"""Takes jobs from one queue, and goes on doing so after Redis was away."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from bullmq import Worker as QueueWorker
from redis.exceptions import RedisError

from standin.stores.redis import connect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bullmq import Job

    from standin.redis_settings import RedisSettings

CONCURRENCY = 10
RETRY_SECONDS = 1
CLOSE_SECONDS = 15

log = logging.getLogger("queue")


class Consumer:
    """One queue and what is done with its jobs; a job that fails goes back to the queue as its options say."""

    def __init__(self, queue: str, process: Callable[[Job, str], Awaitable[None]], settings: RedisSettings) -> None:
        self._queue = queue
        self._worker = QueueWorker(
            queue,
            process,
            {
                "connection": connect(settings),
                "prefix": settings.queue_prefix,
                "concurrency": CONCURRENCY,
                "runRetryDelay": RETRY_SECONDS * 1000,
                "autorun": False,
            },
        )
        self._worker.on(
            "failed",
            lambda job, error, *_: log.error(
                "Queue job %s with id %s in %s failed: %s", job.name, job.id, queue, error
            ),
        )
        self._worker.on("error", lambda error, *_: log.error("Queue %s: %s", queue, error))
        self._closing = False

    async def run(self) -> None:
        """Consume until closed, also when Redis is away at first."""
        while not self._closing:
            try:
                await self._worker.run()
            except (RedisError, OSError) as error:
                log.error("Queue %s: %s", self._queue, error)  # noqa: TRY400
            await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Take no more jobs and wait for the running ones."""
        self._closing = True
        try:
            await asyncio.wait_for(self._worker.close(), CLOSE_SECONDS)
        except (RedisError, OSError, TimeoutError) as error:
            log.error("Queue %s was not closed properly: %s", self._queue, error)  # noqa: TRY400
