"""Image registries: found out within seconds whether they answer, so that the fallback starts at once."""

from __future__ import annotations

import queue
import re
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from platforms.docker.client import DockerError, argv
from toolchain.download import unreachable

if TYPE_CHECKING:
    from platforms.docker.images import EngineFacts
    from toolchain.report import Report

PROBE_SECONDS = 3.0
FIRST_WORD_SECONDS = 20.0
_PULL_SECONDS = 3600.0
_HTTPS = 443


class NoSuchImageError(DockerError):
    """The registry answers, and has no image of that name and tag."""


_NO_SUCH_IMAGE = re.compile(r"manifest unknown|manifest for \S+ not found|: not found$")


class Registries:
    """Pulls images; each registry host is tried at most once per instance when it does not answer."""

    def __init__(self, engine: EngineFacts, *, engine_is_here: bool) -> None:
        """Args: engine_is_here: the engine has this machine's network, so a probe from here tells something."""
        self._engine = engine
        self._probe_says_something = engine_is_here
        self._silent: dict[str, str] = {}
        self._probes: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def pull(self, reference: str, part: str, report: Report) -> None:
        """`docker pull`.

        Raises:
            NoSuchImageError: the registry has no such image.
            DockerError: it does not answer, or refused; says which and why.
        """
        host = host_of(reference) or urlsplit(self._engine.hub).hostname or self._engine.hub
        with self._lock:
            if host not in self._silent and self._probe_says_something:
                self._probe(host)
            if host in self._silent:
                raise DockerError(f"{host} {self._silent[host]}")
        started = time.monotonic()
        with report.working(part, f"pulling {reference}"):
            self._pull(reference, host)
        report.done(part, f"pulled {reference}", time.monotonic() - started)

    def _probe(self, host: str) -> None:
        addresses = [host]
        if self._engine.proxy:
            addresses = [urlsplit(self._engine.proxy).netloc or self._engine.proxy]
        elif host == urlsplit(self._engine.hub).hostname:
            addresses += [urlsplit(mirror).netloc for mirror in self._engine.hub_mirrors]
        failures = [_unreachable(address) for address in addresses]
        if all(failures):
            self._silent[host] = failures[0] or ""

    def _pull(self, reference: str, host: str) -> None:
        with subprocess.Popen(
            argv("pull", reference),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as pull:
            assert pull.stdout is not None  # noqa: S101  (a pipe was asked for)
            lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
            threading.Thread(target=_forward, args=(pull.stdout, lines), daemon=True).start()
            try:
                last = _drain(lines)
                code = pull.wait()
            except queue.Empty:
                self._silent[host] = f"did not answer docker pull within {FIRST_WORD_SECONDS:.0f} s"
                raise DockerError(f"{host} {self._silent[host]}") from None
            finally:
                if pull.poll() is None:
                    pull.kill()
        if code != 0:
            raise (NoSuchImageError if _NO_SUCH_IMAGE.search(last) else DockerError)(last)


def host_of(reference: str) -> str | None:
    """The registry a reference names, with its port; None stands for the engine's default registry."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first
    return None


def _unreachable(address: str) -> str | None:
    parts = urlsplit(f"//{address}")
    return unreachable(parts.hostname or "", parts.port or _HTTPS, PROBE_SECONDS)


def _forward(stream: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    for line in stream:
        lines.put(line.strip())
    lines.put(None)


def _drain(lines: queue.SimpleQueue[str | None]) -> str:
    """The last line; raises queue.Empty when the first one, or the end, does not come in time."""
    last, limit = "", FIRST_WORD_SECONDS
    while (line := lines.get(timeout=limit)) is not None:
        last, limit = line or last, _PULL_SECONDS
    return last
