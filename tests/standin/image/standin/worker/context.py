"""What the worker's parts share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from standin.stores.bucket import Bucket
from standin.stores.clickhouse import ClickHouse
from standin.stores.postgres import Postgres
from standin.stores.redis import connect
from standin.worker.deletions import Deletions
from standin.worker.jobs import Jobs
from standin.worker.writer import ClickHouseWriter

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from standin.settings import Settings


@dataclass
class Worker:
    """One worker process: its settings and stores, and whether it is going away."""

    settings: Settings
    postgres: Postgres
    clickhouse: ClickHouse
    cache: Redis
    writer: ClickHouseWriter
    jobs: Jobs
    deletions: Deletions
    stopping: bool = False


def make_worker(settings: Settings) -> Worker:
    """A worker that has not connected to anything yet."""
    clickhouse = ClickHouse(settings.clickhouse)
    writer = ClickHouseWriter(
        clickhouse, settings.write_interval_ms, settings.write_batch_size, settings.write_attempts
    )
    postgres, events = Postgres(settings.database), Bucket(settings.events)
    media = Bucket(settings.media) if settings.media else None
    return Worker(
        settings=settings,
        postgres=postgres,
        clickhouse=clickhouse,
        cache=connect(settings.redis),
        writer=writer,
        jobs=Jobs(events, clickhouse, writer, settings.write),
        deletions=Deletions(events, media, postgres, clickhouse, settings.write),
    )
