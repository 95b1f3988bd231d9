"""Web's routes, and the life of its process."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from standin.headless_init import InitError, initialise
from standin.stores.postgres import DatabaseUnavailableError
from standin.web import accounts, deletions, health, ingestion, media, otel, pages, project, reads
from standin.web.middleware import Marked
from standin.web.replies import authenticated, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from standin.web.context import Web

PUBLIC = "/api/public"

log = logging.getLogger("web")


def make_app(web: Web) -> Starlette:
    """The application of one web process."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await web.postgres.open()
        try:
            await initialise(web.postgres, web.settings)
        except (InitError, DatabaseUnavailableError, psycopg.Error) as error:
            web.failure = f"Failed to prepare server: {error}"
            log.error(web.failure)  # noqa: TRY400 - as Langfuse: stay up and answer 500 until restarted
        yield
        await web.queues.close()
        await web.cache.aclose()
        await web.postgres.close()

    app = Starlette(
        routes=_routes(),
        lifespan=lifespan,
        middleware=[Middleware(Marked, web=web)],
        exception_handlers={404: _not_covered},
    )
    app.state.web = web
    return app


def _routes() -> list[Route]:
    legacy, events = reads.legacy_only, reads.events_only
    read = [
        ("/projects", project.list_projects),
        ("/v2/prompts", project.list_prompts),
        ("/llm-connections", project.list_llm_connections),
        ("/traces", legacy(reads.list_traces)),
        ("/traces/{trace_id}", legacy(reads.get_trace)),
        ("/observations", legacy(reads.list_observations)),
        ("/observations/{observation_id}", legacy(reads.get_observation)),
        ("/sessions", legacy(reads.list_sessions)),
        ("/scores", legacy(reads.list_scores)),
        ("/scores/{score_id}", legacy(reads.get_score)),
        ("/v2/scores", legacy(reads.list_scores)),
        ("/v2/scores/{score_id}", legacy(reads.get_score)),
        ("/v3/scores", reads.list_scores),
        ("/v2/observations", events(reads.list_events)),
        ("/media/{media_id}", media.get_media),
    ]
    return [
        Route("/", pages.home, methods=["GET"]),
        Route("/auth/sign-up", pages.sign_up_page, methods=["GET"]),
        Route("/api/auth/signup", accounts.sign_up, methods=["POST"]),
        Route("/api/auth/csrf", accounts.csrf, methods=["GET"]),
        Route("/api/auth/callback/credentials", accounts.log_in, methods=["POST"]),
        Route(f"{PUBLIC}/health", health.health, methods=["GET"]),
        Route(f"{PUBLIC}/ready", health.ready, methods=["GET"]),
        Route(f"{PUBLIC}/otel/v1/traces", authenticated(otel.receive_traces, without_database=503), methods=["POST"]),
        Route(
            f"{PUBLIC}/ingestion",
            authenticated(ingestion.receive_batch, scores_by_public_key=True),
            methods=["POST"],
        ),
        Route(f"{PUBLIC}/scores", authenticated(ingestion.receive_score, scores_by_public_key=True), methods=["POST"]),
        Route(f"{PUBLIC}/llm-connections", authenticated(project.put_llm_connection), methods=["PUT"]),
        Route(f"{PUBLIC}/traces", authenticated(deletions.delete_traces), methods=["DELETE"]),
        Route(f"{PUBLIC}/traces/{{trace_id}}", authenticated(deletions.delete_trace), methods=["DELETE"]),
        Route(f"{PUBLIC}/media", authenticated(media.upload_link), methods=["POST"]),
        Route(f"{PUBLIC}/media/{{media_id}}", authenticated(media.note_upload), methods=["PATCH"]),
        *(Route(f"{PUBLIC}{path}", authenticated(handler), methods=["GET"]) for path, handler in read),
    ]


async def _not_covered(request: Request, _error: Exception) -> Response:
    if request.url.path.startswith(f"{PUBLIC}/"):
        return message(501, f"The Langfuse stand-in does not cover {request.method} {request.url.path}")
    return message(404, "Not found")
