"""Deleting traces: noted and queued here, done by the worker some seconds later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

from standin.stores.queues import TRACE_DELETE_QUEUE
from standin.web.replies import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from standin.web.auth import Caller
    from standin.web.context import Web


async def delete_trace(web: Web, caller: Caller, request: Request) -> Response:
    """Ask for one trace to be deleted, whether there is such a trace or not."""
    await _ask(web, caller, [request.path_params["trace_id"]])
    return message(200, "Trace deleted successfully")


async def delete_traces(web: Web, caller: Caller, request: Request) -> Response:
    """Ask for several traces to be deleted."""
    try:
        traces = [str(trace) for trace in json.loads(await request.body())["traceIds"]]
    except (ValueError, KeyError, TypeError):
        return message(400, "Invalid request data: traceIds is needed")
    await _ask(web, caller, traces)
    return message(200, "Traces deleted successfully")


async def _ask(web: Web, caller: Caller, traces: Sequence[str]) -> None:
    for trace in traces:
        values = {"id": str(uuid4()), "project_id": caller.project_id, "trace_id": trace}
        await web.postgres.query("deletion_request", values)
    payload = {"projectId": caller.project_id, "traceIds": list(traces)}
    await web.queues.add(TRACE_DELETE_QUEUE, payload, delay_ms=web.settings.delete_delay_ms)
