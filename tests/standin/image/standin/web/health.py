"""Web's health and readiness: about the process alone, unless a query asks for more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from standin.stores.clickhouse import ClickHouseStoreError
from standin.stores.postgres import DatabaseUnavailableError
from standin.web.context import web_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from standin.web.context import Web


def _answer(web: Web, status_code: int, text: str) -> Response:
    return JSONResponse({"status": text, "version": web.settings.release.shown_version}, status_code)


async def health(request: Request) -> Response:
    """200 while the process lives; with failIf… queries 503 when a store fails that check."""
    web = web_of(request)
    if request.query_params.get("failIfDatabaseUnavailable") == "true":
        try:
            await web.postgres.query("alive")
        except DatabaseUnavailableError:
            return _answer(web, 503, "Database not available")
    if request.query_params.get("failIfNoRecentEvents") == "true":
        events = web.settings.write.events_tables
        try:
            rows = await web.clickhouse.query("recent_events" if events else "recent_legacy")
        except ClickHouseStoreError:
            return _answer(web, 503, "Couldn't fetch recent events")
        if not rows[0]["recent"]:
            return _answer(web, 503, f"No {'events' if events else 'traces'} within the last 3 minutes")
    return _answer(web, 200, "OK")


async def ready(request: Request) -> Response:
    """200 until the process was told to stop."""
    web = web_of(request)
    if web.draining:
        return _answer(web, 500, "SIGTERM / SIGINT received, shutting down")
    return _answer(web, 200, "OK")
