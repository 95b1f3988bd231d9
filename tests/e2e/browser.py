"""A real browser, and a page of ours that may load what Langfuse's own pages may load."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from offline import apt
from toolchain.report import Report

CHROMIUM = "chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 120
OWN = "/own.png"
IMAGE = '<img id="{name}" src="{url}" onload="this.alt = \'shown\'" onerror="this.alt = \'refused\'">'


@contextmanager
def page(policy: str, picture: bytes, pictures: Mapping[str, str]) -> Iterator[str]:
    """Serve a page at localhost.

    Args:
        policy: content security policy of the page.
        picture: served by the page's server too, at `OWN`; `{own}` in an address is its port.
        pictures: name to address of each picture in the page.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            own = self.path == OWN
            images = (IMAGE.format(name=name, url=escape(url.format(own=port))) for name, url in pictures.items())
            body = picture if own else f"<!doctype html><title>pictures</title>{''.join(images)}".encode()
            self.send_response(200)
            self.send_header("content-type", "image/png" if own else "text/html")
            self.send_header("content-security-policy", policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{port}/"
        finally:
            server.shutdown()


def looked_at(url: str, profile: Path) -> dict[str, str]:
    """Open a page in the browser; returns what became of each picture in it.

    Args:
        url: of a `page`.
        profile: a new, empty folder.
    """
    if shutil.which(CHROMIUM) is None:
        apt.install(CHROMIUM, "browser", Report())
    argv = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", url]
    dom = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=True).stdout
    outcomes = re.findall(r'<img id="(\w+)"[^>]* alt="(\w+)"', dom)
    assert outcomes, dom
    return dict(outcomes)
