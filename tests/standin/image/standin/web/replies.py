"""Handlers behind authentication, and how what goes wrong is answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from standin.stores.bucket import BucketError
from standin.stores.clickhouse import ClickHouseStoreError
from standin.stores.postgres import DatabaseUnavailableError
from standin.stores.redis import RedisUnavailableError
from standin.web.auth import AuthError, Caller, authenticate
from standin.web.context import Web, web_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    Handler = Callable[[Web, Caller, Request], Awaitable[Response]]
    Endpoint = Callable[[Request], Awaitable[Response]]

log = logging.getLogger("web")


def message(status_code: int, text: str) -> Response:
    """An answer that says why."""
    return JSONResponse({"message": text}, status_code)


def authenticated(handler: Handler, *, scores_by_public_key: bool = False, without_database: int = 500) -> Endpoint:
    """The handler for callers with valid keys; `without_database` is the status when keys cannot be looked up."""

    async def endpoint(request: Request) -> Response:
        web = web_of(request)
        try:
            caller = await authenticate(web, request, scores_by_public_key=scores_by_public_key)
            return await handler(web, caller, request)
        except AuthError as error:
            return message(error.status, str(error))
        except DatabaseUnavailableError as error:
            log.error("Postgres: %s", error)  # noqa: TRY400 - expected while a store is away
            return message(without_database, "Internal Server Error: database not available")
        except RedisUnavailableError as error:
            log.error("Redis: %s", error)  # noqa: TRY400
            return message(500, "Redis not available")
        except ClickHouseStoreError as error:
            log.error("ClickHouse: %s", error)  # noqa: TRY400
            return message(500, "Internal Server Error: ClickHouse")
        except BucketError as error:
            log.error("S3: %s", error)  # noqa: TRY400
            return message(500, "Failed to upload events to blob storage")

    return endpoint
