"""A web server on this machine that answers as a test tells it."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What it gets."""

    status: int = 200
    body: Any = field(default_factory=dict)
    """Text is sent as it is, anything else as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: threading.Event | None = None
    """Sent once this is set."""

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


Routes = Mapping[str, Answer | Callable[[Request], Answer]]
"""Path without query to answer; `*` is any other."""


@contextmanager
def serving(routes: Routes, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """URL of a server that answers by `routes`, and 404 elsewhere; https where `tls` has a certificate for it."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 0.5  # for clients that do not speak HTTP at all

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length))
            route = routes.get(urlsplit(self.path).path) or routes.get("*") or Answer(404, "not found")
            answer = route(request) if callable(route) else route
            if answer.after:
                answer.after.wait()
            with suppress(ConnectionError):  # the client gave up
                self._send(answer)

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_HEAD = _answer  # noqa: N815 - names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    with ThreadingHTTPServer((host, 0), Handler) as server:
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http{'s' if tls else ''}://{host}:{server.server_port}"
        finally:
            server.shutdown()
