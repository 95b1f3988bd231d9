"""OTLP in: one stored object and one job per request."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.responses import JSONResponse

from standin.keys import otel_key
from standin.stores.bucket import BucketError
from standin.stores.queues import OTEL_QUEUE
from standin.trace.otlp import OtlpError, decode, spans_of
from standin.web.replies import message

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from standin.web.auth import Caller
    from standin.web.context import Web

NEWEST_INGESTION_VERSION = 4

log = logging.getLogger("web")


async def receive_traces(web: Web, caller: Caller, request: Request) -> Response:
    """Store the request, then queue it; what is answered is the queued job."""
    version = request.headers.get("x-langfuse-ingestion-version", "")
    if version.isdigit() and int(version) > NEWEST_INGESTION_VERSION:
        return message(400, f"x-langfuse-ingestion-version must not be above {NEWEST_INGESTION_VERSION}")
    try:
        resource_spans = decode(
            await request.body(), request.headers.get("content-type", ""), request.headers.get("content-encoding")
        )
    except OtlpError as error:
        return message(400, str(error))
    if not spans_of(resource_spans):
        return message(200, "OK")
    key = otel_key(web.bucket.prefix, caller.project_id, datetime.now(UTC), str(uuid4()))
    try:
        await web.bucket.put(key, resource_spans)
    except BucketError as error:
        log.error("Failed to upload JSON to S3 %s: %s", key, error)  # noqa: TRY400
        return message(500, "Failed to upload JSON to S3")
    job = await web.queues.add(
        OTEL_QUEUE,
        {
            "data": {"fileKey": key, "publicKey": caller.public_key},
            "authCheck": {
                "validKey": True,
                "scope": {"projectId": caller.project_id, "orgId": caller.org_id, "accessLevel": "project"},
            },
        },
    )
    return JSONResponse(job)
