"""The Docker engine: the one that answers, else one that is started here."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platforms.docker.client import Docker, DockerError
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from toolchain.report import Report

OLDEST = (20, 10)
_DEFAULT_HOST = "unix:///var/run/docker.sock"
_ANSWER_SECONDS = 15


@dataclass(frozen=True)
class DockerEngine:
    """A Docker engine that answers; `host` is the value for DOCKER_HOST, None when the default is right."""

    host: str | None
    version: str
    source: str


def ensure_docker(report: Report) -> DockerEngine:
    """The engine that DOCKER_HOST or the Docker context names, started (and installed) if that can be done.

    Raises:
        ToolchainError: no engine answers and none can be started here, or the engine is too old.
    """
    client = shutil.which("docker")
    host = current_host()
    version, failure = _server_version() if client else (None, "the docker command is not installed")
    if version:
        return _accepted(host, version, "already running")
    if host != _DEFAULT_HOST:
        raise ToolchainError(
            f"Docker does not answer at {host}: {failure}. Repair that, "
            "or unset DOCKER_HOST / run `docker context use default` to use the engine of this machine."
        )
    if "permission denied" in failure:
        raise ToolchainError(
            "Docker runs, but this user may not use it. Run: sudo usermod -aG docker $USER (then log in again)"
        )
    from offline import dockerd  # only where none answers

    source = dockerd.ensure_running(report, failure, lambda: bool(shutil.which("docker") and _server_version()[0]))
    version, failure = _server_version()
    if not version:
        raise ToolchainError(f"Docker was started but does not answer: {failure}. Try: docker version")
    return _accepted(_DEFAULT_HOST, version, source)


def current_host() -> str:
    """Address of the engine that `docker` talks to: DOCKER_HOST, else that of the current context.

    Raises:
        ToolchainError: the current context cannot be read.
    """
    from_environment = os.environ.get("DOCKER_HOST")
    if from_environment or shutil.which("docker") is None:
        return from_environment or _DEFAULT_HOST
    answer, failure = _ask("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    if answer is None:
        raise ToolchainError(f"the Docker context cannot be read: {failure}. Run: docker context use default")
    return answer or _DEFAULT_HOST


def _accepted(host: str, version: str, source: str) -> DockerEngine:
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
        raise ToolchainError(
            f"Docker {version} is older than {OLDEST[0]}.{OLDEST[1]}, the oldest this stack was tried with. "
            "Upgrade it, or set DOCKER_HOST to a newer engine."
        )
    return DockerEngine(None if host == _DEFAULT_HOST else host, version, source)


def _server_version() -> tuple[str | None, str]:
    """Version of the engine that answers, or None and the reason."""
    version, failure = _ask("version", "--format", "{{.Server.Version}}")
    return version or None, failure


def _ask(*argv: str) -> tuple[str | None, str]:
    """What `docker argv…` prints, or None and why not."""
    try:
        return Docker(seconds=_ANSWER_SECONDS)(*argv).strip(), ""
    except DockerError as error:
        return None, error.said
