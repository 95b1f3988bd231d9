"""Media: browsers and SDKs send and fetch them by links that are signed here, so web never calls the store."""

from __future__ import annotations

import base64
import json
import mimetypes
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.responses import JSONResponse

from standin.web.replies import message

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from standin.web.auth import Caller
    from standin.web.context import Web

LINK_SECONDS = 3600
ID_LENGTH = 22
UPLOADED = (200, 201)


async def upload_link(web: Web, caller: Caller, request: Request) -> Response:
    """Where to send one file of a trace; no link for one that is there already."""
    try:
        body = json.loads(await request.body())
        known = {name: str(body[name]) for name in ("contentType", "sha256Hash", "traceId", "field")}
        length = int(body["contentLength"])
    except (ValueError, KeyError, TypeError):
        return message(
            400, "Invalid request data: traceId, field, contentType, contentLength and sha256Hash are needed"
        )
    if web.media is None:
        return message(500, "Media upload to blob storage not enabled or no bucket configured")
    same = {"project_id": caller.project_id, "sha256": known["sha256Hash"]}
    row = await web.postgres.one("media_by_hash", same)
    media_id = row["id"] if row else _media_id(known["sha256Hash"])
    url = None
    if not row or row["upload_http_status"] not in UPLOADED or row["content_type"] != known["contentType"]:
        path = (
            f"{web.media.prefix}{caller.project_id}/{media_id}{mimetypes.guess_extension(known['contentType']) or ''}"
        )
        url = web.media.link("PUT", path, LINK_SECONDS)
        values = {"path": path, "bucket": web.media.name, "content_type": known["contentType"]}
        await web.postgres.query("media_upsert", {**same, **values, "id": media_id, "content_length": length})
    link = {"id": str(uuid4()), "media_id": media_id, "trace_id": known["traceId"], "field": known["field"]}
    await web.postgres.query("media_link", {**link, "project_id": caller.project_id})
    return JSONResponse({"mediaId": media_id, "uploadUrl": url})


async def note_upload(web: Web, caller: Caller, request: Request) -> Response:
    """What became of an upload, as the client says."""
    try:
        body = json.loads(await request.body())
        status = int(body["uploadHttpStatus"])
    except (ValueError, KeyError, TypeError):
        return message(400, "Invalid request data: uploadHttpStatus is needed")
    known = {"project_id": caller.project_id, "id": request.path_params["media_id"]}
    rows = await web.postgres.query("media_uploaded", {**known, "status": status, "error": body.get("uploadHttpError")})
    return JSONResponse({}) if rows else message(404, "Media asset not found")


async def get_media(web: Web, caller: Caller, request: Request) -> Response:
    """One uploaded file, with a link that fetches it."""
    row = await web.postgres.one(
        "media_by_id", {"project_id": caller.project_id, "id": request.path_params["media_id"]}
    )
    if row is None or web.media is None:
        return message(404, "Media asset not found")
    if row["upload_http_status"] not in UPLOADED:
        return message(404, "Media not yet uploaded")
    return JSONResponse(
        {
            "mediaId": row["id"],
            "contentType": row["content_type"],
            "contentLength": row["content_length"],
            "uploadedAt": row["uploaded_at"].isoformat(),
            "url": web.media.link("GET", row["bucket_path"], LINK_SECONDS),
            "urlExpiry": (datetime.now(UTC) + timedelta(seconds=LINK_SECONDS)).isoformat(),
        }
    )


def _media_id(sha256: str) -> str:
    """The same file has the same id."""
    return base64.urlsafe_b64encode(base64.b64decode(sha256)).decode()[:ID_LENGTH]
