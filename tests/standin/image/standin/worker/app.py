"""The worker's few HTTP routes: it is well when Postgres and Redis answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from standin.stores.postgres import DatabaseUnavailableError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from standin.worker.context import Worker

PING_SECONDS = 2


def make_app(worker: Worker) -> Starlette:
    """The application of one worker process."""
    mark = {"x-langfuse-standin": worker.settings.release.version}

    async def home(_request: Request) -> Response:
        note = f"Langfuse Worker API (conformance stand-in of {worker.settings.release.version}, not Langfuse itself)"
        return JSONResponse({"status": "ok", "message": note}, headers=mark)

    async def health(_request: Request) -> Response:
        return await _checked()

    async def ready(_request: Request) -> Response:
        if worker.stopping:
            return JSONResponse({"status": "error", "message": "Shutting down"}, 500, headers=mark)
        return await _checked()

    async def _checked() -> Response:
        trouble = await _trouble(worker)
        if trouble is None:
            return JSONResponse({"status": "ok"}, headers=mark)
        return JSONResponse({"status": "error", "message": trouble}, 500, headers=mark)

    return Starlette(
        routes=[
            Route("/", home, methods=["GET"]),
            Route("/api", home, methods=["GET"]),
            Route("/api/health", health, methods=["GET"]),
            Route("/api/ready", ready, methods=["GET"]),
        ]
    )


async def _trouble(worker: Worker) -> str | None:
    try:
        await worker.postgres.query("alive")
    except DatabaseUnavailableError:
        return "Database not available"
    try:
        await asyncio.wait_for(worker.cache.ping(), PING_SECONDS)
    except (RedisError, OSError, TimeoutError):
        return f"Redis did not answer within {PING_SECONDS} s"
    return None
