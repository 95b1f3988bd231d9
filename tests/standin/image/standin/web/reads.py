"""Reading back: traces and observations in the legacy modes, v2 observations where events are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from standin.web.replies import message
from standin.web.shapes import page, shown, shown_observation

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from standin.web.auth import Caller
    from standin.web.context import Web
    from standin.web.replies import Handler

LARGEST_PAGE = 100
DEFAULT_PAGE = 50
NOT_IN_EVENTS_ONLY = "This endpoint is not available: Langfuse runs in events_only mode. Use the v2 API."
ONLY_IN_V4 = "This endpoint is only available in a Langfuse v4 write mode."


def legacy_only(handler: Handler) -> Handler:
    """A read path that `events_only` does not have."""

    async def guarded(web: Web, caller: Caller, request: Request) -> Response:
        if not web.settings.write.legacy_tables:
            return message(404, NOT_IN_EVENTS_ONLY)
        return await handler(web, caller, request)

    return guarded


def events_only(handler: Handler) -> Handler:
    """A read path that `legacy` does not have."""

    async def guarded(web: Web, caller: Caller, request: Request) -> Response:
        if not web.settings.write.events_tables:
            return message(404, ONLY_IN_V4)
        return await handler(web, caller, request)

    return guarded


def paging(request: Request) -> tuple[int, int]:
    """Page number and page size that the query asks for."""
    number = request.query_params.get("page", "1")
    limit = request.query_params.get("limit", str(DEFAULT_PAGE))
    return (
        max(int(number), 1) if number.isdigit() else 1,
        min(max(int(limit), 1), LARGEST_PAGE) if limit.isdigit() else DEFAULT_PAGE,
    )


def filters(request: Request, caller: Caller, **names: str) -> dict[str, Any]:
    """Parameters of a list query; `column=queryName`, empty when not asked for."""
    number, limit = paging(request)
    asked = {column: request.query_params.get(name, "") for column, name in names.items()}
    return {"project_id": caller.project_id, "limit": limit, "offset": (number - 1) * limit, **asked}


async def get_trace(web: Web, caller: Caller, request: Request) -> Response:
    """One trace with its observations and scores."""
    trace_id = request.path_params["trace_id"]
    known = {"project_id": caller.project_id, "id": trace_id}
    rows = await web.clickhouse.query("trace_by_id", known)
    if not rows:
        return message(404, f"Trace {trace_id} not found within authorized project")
    every = {**known, "trace_id": trace_id, "name": "", "limit": 10_000, "offset": 0}
    observations = await web.clickhouse.query("observations_list", {**every, "type": ""})
    scores = await web.clickhouse.query("scores_list", every)
    ends = [row["end_time"] or row["start_time"] for row in observations]
    starts = [row["start_time"] for row in observations]
    return JSONResponse(
        {
            **shown(rows[0]),
            "htmlPath": f"/project/{caller.project_id}/traces/{trace_id}",
            "latency": (max(ends) - min(starts)).total_seconds() if ends else 0,
            "totalCost": 0,
            "observations": [shown_observation(row) for row in reversed(observations)],
            "scores": [shown(row) for row in scores],
        }
    )


async def list_traces(web: Web, caller: Caller, request: Request) -> Response:
    """Traces, newest first."""
    asked = filters(request, caller, session_id="sessionId", user_id="userId", name="name")
    rows = await web.clickhouse.query("traces_list", {**asked, "tags": request.query_params.getlist("tags")})
    return JSONResponse(page([shown(row) for row in rows], rows, *paging(request)))


async def get_observation(web: Web, caller: Caller, request: Request) -> Response:
    """One observation."""
    known = {"project_id": caller.project_id, "id": request.path_params["observation_id"]}
    rows = await web.clickhouse.query("observation_by_id", known)
    return JSONResponse(shown_observation(rows[0])) if rows else message(404, "Observation not found")


async def list_observations(web: Web, caller: Caller, request: Request) -> Response:
    """Observations, newest first."""
    asked = filters(request, caller, trace_id="traceId", name="name", type="type")
    rows = await web.clickhouse.query("observations_list", asked)
    return JSONResponse(page([shown_observation(row) for row in rows], rows, *paging(request)))


async def list_sessions(web: Web, caller: Caller, request: Request) -> Response:
    """Sessions that traces name."""
    rows = await web.clickhouse.query("sessions_list", filters(request, caller))
    return JSONResponse(page([shown(row) for row in rows], rows, *paging(request)))


async def list_events(web: Web, caller: Caller, request: Request) -> Response:
    """v2 observations, newest first; an empty list until they are visible."""
    asked = filters(
        request, caller, trace_id="traceId", name="name", type="type", user_id="userId", from_start_time="fromStartTime"
    )
    rows = await web.clickhouse.query("events_list", asked)
    return JSONResponse({"data": [shown_observation(row) for row in rows], "meta": {}})


async def list_scores(web: Web, caller: Caller, request: Request) -> Response:
    """Scores, newest first."""
    rows = await web.clickhouse.query("scores_list", filters(request, caller, trace_id="traceId", name="name"))
    return JSONResponse(page([shown(row) for row in rows], rows, *paging(request)))


async def get_score(web: Web, caller: Caller, request: Request) -> Response:
    """One score."""
    known = {"project_id": caller.project_id, "id": request.path_params["score_id"]}
    rows = await web.clickhouse.query("score_by_id", known)
    return JSONResponse(shown(rows[0])) if rows else message(404, "Score not found")
