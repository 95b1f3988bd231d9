"""Fetching a vendor's file: given up within seconds when unreachable, never used without the right checksum."""

from __future__ import annotations

import hashlib
import queue
import socket
import threading
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

_CONNECT_SECONDS = 3.0
_STALL_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}


class DownloadError(Exception):
    """Why a file could not be had, in a few words."""


def download(url: str, target: Path, sha256: str) -> None:
    """Write what is at `url` to `target`.

    Args:
        url: Where it is.
        target: The file to write.
        sha256: The hexadecimal digest that the content must have.

    Raises:
        DownloadError: It is not there, cannot be reached within seconds, or is not what it should be.
    """
    import httpx  # most runs download nothing

    require_reachable(url)
    digest = hashlib.sha256()
    timeout = httpx.Timeout(_STALL_SECONDS, connect=_CONNECT_SECONDS)
    try:
        with (
            httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as answer,
            target.open("wb") as file,
        ):
            if answer.is_error:
                raise DownloadError(f"the server answered {answer.status_code}")
            for piece in answer.iter_bytes():
                digest.update(piece)
                file.write(piece)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise DownloadError(str(error) or type(error).__name__) from error
    if digest.hexdigest() != sha256:
        raise DownloadError("its checksum is wrong")


def require_reachable(url: str) -> None:
    """Find out within seconds that a server, or the proxy before it, cannot be reached.

    A resolver may take much longer to say so, and a program that retries may, too.

    Raises:
        DownloadError: It cannot be reached, or `url` is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise DownloadError(f"{url} is not a web address")
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname):
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80)
    if why_not := unreachable(host, port, _CONNECT_SECONDS):
        raise DownloadError(f"{host} {why_not}")


def unreachable(host: str, port: int, seconds: float) -> str | None:
    """Why no connection can be made, or None when one was; never takes longer than `seconds`."""
    outcome: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def connect() -> None:
        try:
            socket.create_connection((host, port), seconds).close()
            outcome.put(None)
        except OSError as error:
            outcome.put(f"cannot be reached ({error.strerror or error})")

    # Resolving a name knows no time-out of its own, hence the thread.
    threading.Thread(target=connect, daemon=True).start()
    try:
        return outcome.get(timeout=seconds)
    except queue.Empty:
        return f"cannot be reached (no answer within {seconds:.0f} s)"
