"""Servers that live for one rehearsal: like running ones, with storage and a network that go with them."""

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ops.session import OpsError
from platforms.docker.client import Docker, archive

LABEL = "langfuse-stack.rehearsal"
"""On every container and network that a rehearsal makes, and on no other; its value is the container it is like."""
NO_WAY_OUT = "com.docker.network.bridge.enable_ip_masquerade=false"
"""Nothing beyond the network answers what is sent from within. Docker publishes no ports of an `internal` one."""


@dataclass(frozen=True)
class Recipe:
    """What a container is made from."""

    like: str
    """Container that it is like; it is only looked at."""
    image: str
    command: Sequence[str]
    env: Mapping[str, str]
    """Without what the image brings."""
    networks: Sequence[str] = ()
    """Of the container that it is like."""
    volumes: Sequence[str] = ()
    """Where it keeps data; the copy keeps its own there."""
    memory: int = 0
    """Bytes that it may use; 0 for no limit."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """Of configuration to copy, each with the folder it goes into."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Content by path, put over what was copied."""


@dataclass(frozen=True)
class Copy:
    """A running container."""

    id: str
    name: str
    addresses: Mapping[int, str]
    """Port inside to `host:port` on this machine."""


def recipe(live: str, docker: Docker) -> Recipe:
    """Image, command, environment and limits of a container, running or not; never its volumes.

    Raises:
        OpsError: Docker refuses.
    """
    [facts] = docker.inspect("container", live)
    [image] = docker.inspect("image", facts["Image"])
    inherited = set(image["Config"].get("Env") or [])
    return Recipe(
        like=live,
        image=facts["Image"],
        command=tuple(facts["Config"].get("Cmd") or ()),
        env=dict(entry.split("=", 1) for entry in facts["Config"]["Env"] or [] if entry not in inherited),
        networks=tuple(facts["NetworkSettings"]["Networks"]),
        volumes=tuple(mount["Destination"] for mount in facts["Mounts"] if mount["Type"] == "volume"),
        memory=int(facts["HostConfig"].get("Memory") or 0),
    )


@contextlib.contextmanager
def started(made_from: Recipe, docker: Docker, *, port: int, network: str, alias: Sequence[str] = ()) -> Iterator[Copy]:
    """A container with storage of its own; gone after the block.

    Args:
        made_from: see `Recipe`.
        docker: where it runs.
        port: to publish on loopback.
        network: that it is attached to.
        alias: names that it has there.

    Raises:
        OpsError: Docker refuses.
    """
    env, live = made_from.env, made_from.like
    name = f"{live}-rehearsal-{secrets.token_hex(3)}"
    try:
        made = docker(
            "create",
            f"--name={name}",
            f"--label={LABEL}={live}",
            f"--network={network}",
            *(f"--network-alias={given}" for given in alias),
            f"--publish=127.0.0.1::{port}",
            *(f"--volume={path}" for path in made_from.volumes),
            *([f"--memory={made_from.memory}"] if made_from.memory else []),
            *(f"--env={key}" for key in env),  # values go by way of the environment
            made_from.image,
            *made_from.command,
            also=env,
        ).strip()
        for source, target in made_from.folders.items():
            copied = docker.raw("cp", f"{live}:{source}", "-")
            docker.raw("cp", "-", f"{made}:{target}", stdin=copied)
        if made_from.files:
            docker.raw("cp", "-", f"{made}:/", stdin=archive(made_from.files))
        docker("start", made)
        yield Copy(made, name, _published(made, [port], docker))
    finally:
        for left in docker.ids("container", f"name=^/{name}$"):
            _remove(left, docker)


@contextlib.contextmanager
def network(live: str, docker: Docker) -> Iterator[str]:
    """A network of its own, from which nothing else can be reached; gone after the block.

    Args:
        live: container whose name it takes up.
        docker: where it runs.

    Raises:
        OpsError: Docker refuses.
    """
    name = f"{live}-rehearsal-network-{secrets.token_hex(3)}"
    try:
        docker("network", "create", f"--label={LABEL}={live}", f"--opt={NO_WAY_OUT}", name)
        yield name
    finally:
        _remove_networks(f"name=^{name}$", docker)


def moved(copy: Copy, to: str, docker: Docker, alias: Sequence[str]) -> Copy:
    """Take a running container out of every network and into one; its published ports are others then.

    Raises:
        OpsError: Docker refuses.
    """
    [facts] = docker.inspect("container", copy.id)
    for left in facts["NetworkSettings"]["Networks"]:
        docker("network", "disconnect", left, copy.id)
    docker("network", "connect", *(f"--alias={given}" for given in alias), to, copy.id)
    return replace(copy, addresses=_published(copy.id, list(copy.addresses), docker))


def running(copy: Copy, docker: Docker) -> str:
    """How a container ended, in Docker's words; empty while it runs."""
    [facts] = docker.inspect("container", copy.id)
    return "" if facts["State"]["Running"] else _ended(facts)


def log(copy: Copy, docker: Docker, lines: int) -> str:
    """The end of what a container wrote."""
    return docker.raw("logs", f"--tail={lines}", copy.id, merged=True).decode(errors="replace")


def names(live: str, docker: Docker) -> set[str]:
    """Every name and address under which a container is reached."""
    [facts] = docker.inspect("container", live)
    found = {live, facts["Config"]["Hostname"]}
    for joined in facts["NetworkSettings"]["Networks"].values():
        found |= {joined["IPAddress"], joined["GlobalIPv6Address"], *(joined["Aliases"] or ())}
    return found - {""}


def leftovers(lives: Sequence[str], docker: Docker) -> list[str]:
    """Remove what killed rehearsals of the same containers left; returns the names. No other rehearsal may run.

    Raises:
        OpsError: Docker refuses.
    """
    found: list[str] = []
    for live in lives:
        label = f"--filter=label={LABEL}={live}"
        listed = docker("ps", "--all", "--no-trunc", label, "--format={{.ID}} {{.Names}}")
        for made, name in (line.split() for line in listed.splitlines()):
            _remove(made, docker)
            found.append(name)
    for live in lives:
        found += _remove_networks(f"label={LABEL}={live}", docker)
    return found


def _published(made: str, ports: Sequence[int], docker: Docker) -> dict[int, str]:
    [facts] = docker.inspect("container", made)
    bound = facts["NetworkSettings"]["Ports"]
    lost = [port for port in ports if not bound.get(f"{port}/tcp")]
    if lost:
        raise OpsError(f"{facts['Name'].lstrip('/')} does not serve port {lost[0]}: {_ended(facts)}")
    return {port: f"127.0.0.1:{bound[f'{port}/tcp'][0]['HostPort']}" for port in ports}


def _ended(facts: Mapping[str, Any]) -> str:
    return f"{facts['State']['Status']}, exit code {facts['State']['ExitCode']}"


def _remove(made: str, docker: Docker) -> None:
    """Remove a container with its own storage, if a rehearsal made it and it holds no volume with a name."""
    [facts] = docker.inspect("container", made)
    kept = [mount.get("Name") for mount in facts["Mounts"] if mount["Type"] != "volume" or not _anonymous(mount)]
    if LABEL not in (facts["Config"]["Labels"] or {}) or kept:
        raise OpsError(f"{facts['Name'].lstrip('/')} was not made by a rehearsal, or holds {kept}: it is left alone")
    docker("rm", "--force", "--volumes", made)


def _remove_networks(which: str, docker: Docker) -> list[str]:
    """Remove the networks that a filter finds, if a rehearsal made them; returns their names."""
    listed = docker("network", "ls", f"--filter={which}", f"--filter=label={LABEL}", "--format={{.Name}}")
    for name in listed.split():
        docker("network", "rm", name)
    return listed.split()


def _anonymous(mount: Mapping[str, Any]) -> bool:
    name = str(mount.get("Name"))
    return len(name) == 64 and set(name) <= set("0123456789abcdef")  # noqa: PLR2004 - as Docker names them
