"""Servers in containers of their own, described exactly as the program describes them to the platform."""

import io
import json
import os
import secrets
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from components.releases import IMAGE_REFERENCES
from tests.unit.recorder import recorded
from toolchain.images.obtain import obtain
from toolchain.report import Report

DOCKER_SECONDS = 120


@dataclass(frozen=True)
class Blueprint:
    """What a container is started with."""

    service: str
    """Name of the image in `components.releases`."""
    env: Mapping[str, str]
    command: tuple[str, ...]
    files: Mapping[str, str]
    """Path to content."""
    ports: tuple[int, ...]

    def with_env(self, **values: str) -> "Blueprint":
        """The same with other environment variables."""
        return replace(self, env={**self.env, **values})


@dataclass(frozen=True)
class Container:
    """A running container."""

    name: str
    published: Mapping[int, str]
    """Port inside to `host:port` outside."""

    def pause(self) -> None:
        """Freeze it: connections are still accepted, nothing answers."""
        docker("pause", self.name)

    def unpause(self) -> None:
        """Let it go on."""
        docker("unpause", self.name)

    def logs(self) -> str:
        """All it wrote."""
        return docker("logs", self.name, stderr=subprocess.STDOUT)

    def postgres_url(self, database: str) -> str:
        """URL of a database in this server, as its administrator."""
        password = blueprint("postgres").env["POSTGRES_PASSWORD"]
        return f"postgresql://postgres:{password}@{self.published[5432]}/{database}"

    def remove(self) -> None:
        """Remove it and its anonymous volumes."""
        docker("rm", "--force", "--volumes", self.name)


def docker(*argv: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, stderr: int = subprocess.PIPE) -> str:
    """Standard output of `docker argv…`; raises AssertionError with what it said when it fails."""
    done = subprocess.run(
        ["docker", *argv],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        timeout=DOCKER_SECONDS,
        check=False,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == 0, f"docker {argv[0]}: {(done.stderr or done.stdout).decode()}"
    return done.stdout.decode()


def run(plan: Blueprint, image: str, *options: str) -> Container:
    """Start a container of `image` as `plan` says, on free loopback ports; `options` are further ones of Docker."""
    name = f"checks-{secrets.token_hex(4)}-{plan.service}"
    docker(
        "create",
        f"--name={name}",
        *[f"--env={key}" for key in plan.env],
        *[f"--publish=127.0.0.1::{port}" for port in plan.ports],
        *options,
        image,
        *plan.command,
        env=plan.env,
    )
    try:
        docker("cp", "-", f"{name}:/", stdin=_archive(plan.files))
        docker("start", name)
        [facts] = json.loads(docker("inspect", name))
        bound = facts["NetworkSettings"]["Ports"]
        published = {port: f"127.0.0.1:{bound[f'{port}/tcp'][0]['HostPort']}" for port in plan.ports}
    except BaseException:
        docker("rm", "--force", "--volumes", name)
        raise
    return Container(name, published)


@contextmanager
def paused(container: Container) -> Iterator[None]:
    """The container frozen for the time of the block."""
    container.pause()
    try:
        yield
    finally:
        container.unpause()


@cache
def images(services: frozenset[str]) -> Mapping[str, str]:
    """Ids of the images the product would run: on the machine, pulled, or built from packages."""
    references = {service: IMAGE_REFERENCES[service] for service in services}
    return {service: obtained.image.id for service, obtained in obtain(references, Report()).items()}


@cache
def blueprint(service: str) -> Blueprint:
    """How the program starts `service` with default settings, with generated secrets like `result-of-…`."""
    registered = plain(recorded({}).one(service).inputs)
    return Blueprint(
        service=service,
        env=dict(item.split("=", 1) for item in registered["envs"]),
        command=tuple(registered.get("command", ())),
        files={upload["file"]: upload["content"] for upload in registered.get("uploads", ())},
        ports=tuple(int(port["internal"]) for port in registered["ports"]),
    )


@cache
def gate_inputs(name: str) -> Mapping[str, Any]:
    """What the program gives the check `name`; addresses and passwords are those of no running server."""
    given: Mapping[str, Any] = plain(recorded({}).one(name).inputs)
    return given


def registered_checks() -> list[str]:
    """Logical names of all checks of the program."""
    return [entry.name for entry in recorded({}).resources if entry.type.startswith("pulumi-python:dynamic/checks:")]


def secret_inputs(name: str) -> set[str]:
    """Inputs that the program gives the check `name` as secrets."""
    return {key for key, value in recorded({}).one(name).inputs.items() if is_secret(value)}


def is_secret(value: Any) -> bool:
    """Whether a property is marked as a secret for the engine."""
    return isinstance(value, Mapping) and SECRET_KEY in value


def plain(value: Any) -> Any:
    """`value` with every secret unwrapped."""
    if is_secret(value):
        return plain(value["value"])
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


SECRET_KEY = "4dabf18193072939515e22adb298388d"
"""How the engine marks a secret among a resource's properties."""


def _archive(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            data = content.encode()
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
