"""The batch ingestion API and scores: one stored object per event, one job per entity."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from starlette.responses import JSONResponse

from standin.keys import entity_prefix
from standin.stores.queues import INGESTION_QUEUE
from standin.trace.events import Event, EventError, read_event
from standin.web.replies import message

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from standin.web.auth import Caller
    from standin.web.context import Web

LONGEST_BODY = int(4.5 * 1024 * 1024)


async def receive_batch(web: Web, caller: Caller, request: Request) -> Response:
    """207 with the fate of each event."""
    body = await request.body()
    if len(body) > LONGEST_BODY:
        return message(413, "Body exceeded 4.5mb limit")
    try:
        batch = json.loads(body)["batch"]
    except (ValueError, KeyError, TypeError):
        batch = None
    if not isinstance(batch, list):
        return message(400, "Invalid request data: a batch is required")
    accepted: list[Event] = []
    errors: list[dict[str, Any]] = []
    scores_only = not (web.settings.write.legacy_tables and caller.full_access)
    for content in batch:
        try:
            event = read_event(content, scores_only=scores_only)
        except EventError as error:
            event_id = content.get("id", "") if isinstance(content, dict) else ""
            errors.append({"id": event_id, "status": 400, "message": str(error), "error": str(error)})
        else:
            accepted += [event] if event else []
    await store_events(web, caller, accepted)
    successes = [{"id": event.event_id, "status": 201} for event in accepted]
    return JSONResponse({"successes": successes, "errors": errors}, 207)


async def receive_score(web: Web, caller: Caller, request: Request) -> Response:
    """One score."""
    event_id = str(uuid4())
    try:
        body = json.loads(await request.body())
        score_id = body.get("id") if isinstance(body, dict) else None
        event = read_event(
            {
                "id": event_id,
                "type": "score-create",
                "timestamp": datetime.now(UTC).isoformat(),
                "body": {**body, "id": score_id or str(uuid4())} if isinstance(body, dict) else body,
            },
            scores_only=True,
        )
    except (ValueError, EventError) as error:
        return message(400, f"Invalid request data: {error}")
    if event is None:
        return message(400, "Invalid request data")
    await store_events(web, caller, [event])
    return JSONResponse({"id": event.entity_id})


async def store_events(web: Web, caller: Caller, events: list[Event]) -> None:
    """Store each event, then queue each entity once.

    Raises:
        BucketError: An event is not stored; nothing is queued.
        RedisUnavailableError: Redis stayed away.
    """
    entities: dict[tuple[str, str], Event] = {}
    for event in events:
        prefix = entity_prefix(web.bucket.prefix, caller.project_id, event.entity, event.entity_id)
        await web.bucket.put(f"{prefix}{quote(event.event_id, safe='')}.json", [event.content])
        entities[(event.entity, event.entity_id)] = event
    for event in entities.values():
        await web.queues.add(
            INGESTION_QUEUE,
            {
                "data": {"type": event.content["type"], "eventBodyId": event.entity_id, "fileKey": event.event_id},
                "authCheck": {
                    "validKey": True,
                    "scope": {"projectId": caller.project_id, "accessLevel": "project"},
                },
            },
            delay_ms=web.settings.queue_delay_ms,
        )
