"""One way to reach Redis, for the cache and for the queues."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from standin.redis_settings import RedisSettings

Answer = TypeVar("Answer")
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.5
CONNECT_TIMEOUT_SECONDS = 5


class RedisUnavailableError(Exception):
    """Redis did not take the command within the time that a request waits for it."""


def connection_options(settings: RedisSettings) -> dict[str, Any]:
    """Keyword arguments of a connection, as redis and bullmq take them."""
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "username": settings.username,
        "password": settings.password,
        "db": settings.database,
        "socket_timeout": settings.socket_timeout,
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
    }
    if settings.tls:
        options |= {
            "ssl": True,
            "ssl_ca_certs": settings.tls_ca_path,
            "ssl_certfile": settings.tls_cert_path,
            "ssl_keyfile": settings.tls_key_path,
            "ssl_cert_reqs": "required" if settings.tls_verify else "none",
            "ssl_check_hostname": settings.tls_verify,
        }
    return options


def connect(settings: RedisSettings) -> Redis:
    """A client whose commands fail at once; `patiently` decides how long to go on."""
    return Redis(**connection_options(settings), decode_responses=True, retry=Retry(NoBackoff(), 0))


async def patiently(action: Callable[[], Awaitable[Answer]]) -> Answer:
    """Repeat an action while Redis is away: like Langfuse, requests hang rather than fail at once.

    Raises:
        RedisUnavailableError: Redis stayed away, or refused the command.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await action()
        except (RedisConnectionError, RedisTimeoutError, OSError) as error:
            if time.monotonic() > deadline:
                raise RedisUnavailableError(str(error)) from error
            await asyncio.sleep(PAUSE_SECONDS)
        except RedisError as error:
            raise RedisUnavailableError(str(error)) from error
