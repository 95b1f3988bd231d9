"""The few pages that a browser gets."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from standin.web.context import web_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

FOLDER = Path(__file__).parent


async def home(request: Request) -> Response:
    """Says what this is."""
    return HTMLResponse(_filled("home.html", version=web_of(request).settings.release.version))


async def sign_up_page(request: Request) -> Response:
    """Answers 200 whether sign-up is open or not, and says which in its data."""
    settings = web_of(request).settings
    disabled = "true" if settings.signup_disabled else "false"
    return HTMLResponse(_filled("sign_up.html", version=settings.release.version, disabled=disabled))


def _filled(name: str, **values: str) -> str:
    return Template((FOLDER / name).read_text(encoding="utf-8")).substitute(values)
