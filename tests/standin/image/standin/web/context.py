"""What the handlers of web share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from standin.stores.bucket import Bucket
from standin.stores.clickhouse import ClickHouse
from standin.stores.postgres import Postgres
from standin.stores.queues import Queues
from standin.stores.redis import connect

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from starlette.requests import Request

    from standin.settings import Settings


@dataclass
class Web:
    """One web process: its settings, its stores, and whether it is going away or never came up."""

    settings: Settings
    postgres: Postgres
    clickhouse: ClickHouse
    bucket: Bucket
    media: Bucket | None
    queues: Queues
    cache: Redis
    draining: bool = False
    failure: str | None = None


def make_web(settings: Settings) -> Web:
    """A web that has not connected to anything yet."""
    return Web(
        settings=settings,
        postgres=Postgres(settings.database),
        clickhouse=ClickHouse(settings.clickhouse),
        bucket=Bucket(settings.events),
        media=Bucket(settings.media) if settings.media else None,
        queues=Queues(settings.redis),
        cache=connect(settings.redis),
    )


def web_of(request: Request) -> Web:
    """The web that serves this request."""
    return cast("Web", request.app.state.web)
