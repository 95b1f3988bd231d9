"""Worker from start to end: no migrations, four queues, and a flush before it goes."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

from standin.environment import EnvironmentRefusedError
from standin.settings import Settings, SettingsConflictError, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from standin.release import Release

log = logging.getLogger("worker")


def run_worker(variables: Mapping[str, str], release: Release) -> int:
    """Run until stopped.

    Returns:
        The exit status: 0 after a graceful stop, 1 when the settings are refused.
    """
    try:
        settings = read_settings(variables, release, "worker")
    except (EnvironmentRefusedError, SettingsConflictError) as error:
        print(error, file=sys.stderr)
        return 1
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    from standin.serving import serve
    from standin.stores.queues import INGESTION_QUEUE, OTEL_QUEUE, SECONDARY_QUEUE, TRACE_DELETE_QUEUE
    from standin.worker.app import make_app
    from standin.worker.background import run_background_migrations
    from standin.worker.consumer import Consumer
    from standin.worker.context import make_worker

    worker = make_worker(settings)
    await worker.postgres.open()
    consumers = [
        Consumer(OTEL_QUEUE, worker.jobs.otel, settings.redis),
        Consumer(INGESTION_QUEUE, worker.jobs.ingestion, settings.redis),
        Consumer(SECONDARY_QUEUE, worker.jobs.ingestion, settings.redis),
        Consumer(TRACE_DELETE_QUEUE, worker.deletions.run, settings.redis),
    ]
    tasks = [asyncio.create_task(consumer.run()) for consumer in consumers]
    tasks.append(asyncio.create_task(worker.writer.run()))
    if settings.background_migrations:
        tasks.append(asyncio.create_task(run_background_migrations(worker.postgres, worker.clickhouse, settings.gates)))

    async def stop() -> None:
        worker.stopping = True

    await serve(make_app(worker), settings, stop)
    log.info("Told to stop: running jobs finish, then rows are flushed")
    await asyncio.gather(*(consumer.close() for consumer in consumers))
    for task in tasks:
        task.cancel()
    await worker.writer.flush()
    await worker.cache.aclose()
    await worker.postgres.close()
    log.info("Shutdown complete, exiting process...")
