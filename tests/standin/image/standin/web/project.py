"""The project's own things, kept in Postgres."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
from starlette.responses import JSONResponse

from standin.credentials import EncryptionError, encrypt, masked
from standin.web.replies import message

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from standin.web.auth import Caller
    from standin.web.context import Web


async def list_projects(web: Web, caller: Caller, _request: Request) -> Response:
    """The one project that the keys belong to."""
    rows = await web.postgres.query("project_by_id", {"id": caller.project_id})
    return JSONResponse(
        {
            "data": [
                {
                    "id": row["id"],
                    "name": row["name"],
                    "organization": {"id": row["org_id"], "name": row["org_name"]},
                    "metadata": {},
                }
                for row in rows
            ]
        }
    )


async def list_prompts(web: Web, caller: Caller, _request: Request) -> Response:
    """Prompts by a query without schema, as Langfuse's raw ones: it needs the right search path."""
    try:
        rows = await web.postgres.query("prompts_list", {"project_id": caller.project_id})
    except psycopg.errors.UndefinedTable as error:
        return message(500, f"Internal Server Error: {error.diag.message_primary}")
    return JSONResponse({"data": rows, "meta": {"totalItems": len(rows)}})


async def put_llm_connection(web: Web, caller: Caller, request: Request) -> Response:
    """Keep a model provider's key, encrypted with ENCRYPTION_KEY."""
    try:
        body = json.loads(await request.body())
        provider, adapter, secret = str(body["provider"]), str(body["adapter"]), str(body["secretKey"])
    except (ValueError, KeyError, TypeError):
        return message(400, "Invalid request data: provider, adapter and secretKey are required")
    try:
        sealed = encrypt(secret, web.settings.encryption_key)
    except EncryptionError as error:
        return message(500, f"Internal Server Error: {error}")
    values = {"id": str(uuid4()), "project_id": caller.project_id, "provider": provider, "adapter": adapter}
    await web.postgres.query("llm_key_upsert", {**values, "secret_key": sealed, "display": masked(secret)})
    return JSONResponse({"provider": provider, "adapter": adapter, "displaySecretKey": masked(secret)}, 201)


async def list_llm_connections(web: Web, caller: Caller, _request: Request) -> Response:
    """Model providers' keys, masked."""
    rows = await web.postgres.query("llm_key_list", {"project_id": caller.project_id})
    shown = [
        {
            "id": row["id"],
            "provider": row["provider"],
            "adapter": row["adapter"],
            "displaySecretKey": row["display_secret_key"],
        }
        for row in rows
    ]
    return JSONResponse({"data": shown, "meta": {"totalItems": len(shown)}})
