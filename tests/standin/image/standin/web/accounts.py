"""Sign-up and login, as far as infrastructure depends on them."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import JSONResponse

from standin.credentials import matches, slow_hash
from standin.stores.postgres import DatabaseUnavailableError
from standin.web.context import web_of
from standin.web.replies import message

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PASSWORD = re.compile(r"(?=.*[A-Za-z])(?=.*\d)(?=.*[^A-Za-z0-9]).{8,}")


async def sign_up(request: Request) -> Response:
    """Create a user; 422 when sign-up is closed, for whatever body."""
    web = web_of(request)
    if web.settings.signup_disabled:
        return message(422, "Sign up is disabled.")
    try:
        body = json.loads(await request.body())
        name, email, password = str(body["name"]), str(body["email"]).lower(), str(body["password"])
    except (ValueError, KeyError, TypeError):
        return message(422, "ZodError: name, email and password are required")
    if not EMAIL.fullmatch(email) or not PASSWORD.fullmatch(password):
        return message(422, "ZodError: a valid email, and a password of 8 characters with letter, digit and symbol")
    try:
        if await web.postgres.one("user_by_email", {"email": email}):
            return message(422, "User with email already exists for this email. Please sign in.")
        user = {"id": str(uuid.uuid4()), "name": name, "email": email, "password": slow_hash(password)}
        await web.postgres.query("user_create", user)
    except DatabaseUnavailableError:
        return message(500, "Internal Server Error: database not available")
    return message(200, "User created")


async def csrf(_request: Request) -> Response:
    """A token that login takes; the stand-in keeps no sessions to protect."""
    return JSONResponse({"csrfToken": uuid.uuid4().hex})


async def log_in(request: Request) -> Response:
    """200 for the right password of a known user, else 401."""
    web = web_of(request)
    body = (await request.body()).decode(errors="replace")
    form = {name: values[-1] for name, values in parse_qs(body).items()}
    try:
        user = await web.postgres.one("user_by_email", {"email": form.get("email", "").lower()})
    except DatabaseUnavailableError:
        return message(500, "Internal Server Error: database not available")
    if user is None or not matches(form.get("password", ""), user["password"] or ""):
        return JSONResponse({"url": "/auth/sign-in?error=CredentialsSignin"}, 401)
    return JSONResponse({"url": "/"})
