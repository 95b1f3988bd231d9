"""Every answer says that it comes from the stand-in; after a failed initialisation every answer is 500."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from standin.web.replies import message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from standin.web.context import Web

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

HEADER = b"x-langfuse-standin"
API = "/api"
POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-eval' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' https: blob: data: http://localhost:*; media-src 'self' https: http://localhost:*; "
    b"connect-src 'self' https://*.amazonaws.com; font-src 'self'; object-src 'none'; base-uri 'self'; "
    b"frame-ancestors 'none'"
)
"""What pages may load. As in Langfuse's images it is fixed: no variable adds the store's address to it."""


class Marked:
    """Wraps the application."""

    def __init__(self, app: Any, web: Web) -> None:
        self._app = app
        self._web = web

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        version = self._web.settings.release.version.encode()

        async def marked_send(part: Message) -> None:
            if part["type"] == "http.response.start":
                page = not scope["path"].startswith(API)
                policy = [(b"content-security-policy", POLICY)] if page else []
                part["headers"] = [*part.get("headers", []), (HEADER, version), *policy]
            await send(part)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._web.failure is not None:
            await message(500, "Internal Server Error: failed to prepare server")(scope, receive, marked_send)
        else:
            await self._app(scope, receive, marked_send)
