"""Serves an application where HOSTNAME and PORT say, and stops it the way the caller wants."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.applications import Starlette

    from standin.settings import Settings

KEEP_ALIVE_SECONDS = 75
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger("server")


async def serve(app: Starlette, settings: Settings, on_stop: Callable[[], Awaitable[None]]) -> None:
    """Serve until told to stop; the listener closes once `on_stop` has returned."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=KEEP_ALIVE_SECONDS,
            server_header=False,
        )
    )
    stopping: list[asyncio.Task[None]] = []

    async def stop() -> None:
        await on_stop()
        server.should_exit = True

    def begin() -> None:
        if not stopping:
            stopping.append(asyncio.create_task(stop()))

    async def watch_signals() -> None:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it, and takes the signals before
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, begin)

    listener = _listen(settings.bind_host, settings.bind_port)
    log.info("Listening: http://%s:%s", settings.bind_host, settings.bind_port)
    watcher = asyncio.create_task(watch_signals())
    await server.serve(sockets=[listener])
    watcher.cancel()


def _listen(host: str, port: int) -> socket.socket:
    """Bind as Node does: one address of the name, and `::` for both families."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(
        (address[0], port),
        family=family,
        backlog=511,
        dualstack_ipv6=address[0] == "::" and socket.has_dualstack_ipv6(),
    )
