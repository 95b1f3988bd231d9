"""What Docker says about this stack's containers, networks and ports. Reads, and removes what holds no data."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.session import OpsError, Session
from ops.state import CONTAINER
from platforms.docker_labels import HOLDER_LABEL, INSTANCE_LABEL, OWNER_LABEL, SERVICE_LABEL

UNWATCHED = "-"
"""Health of a container that Docker does not watch."""


@dataclass(frozen=True)
class Container:
    """One container of a stack."""

    id: str
    name: str
    service: str
    owner: str
    """Identity of the stack that made it."""
    image: str
    state: str
    """Docker's word: `running`, `exited`, …"""
    health: str
    """Docker's word: `healthy`, `starting`, `unhealthy`; `-` when it is not watched."""
    started_at: str
    """UTC, ISO 8601."""
    ports: tuple[int, ...]
    """Published on loopback."""
    exit_code: int = 0
    """Of the last time it ended."""
    oom_killed: bool = False
    """Whether it last ended for want of memory."""
    restarts: int = 0
    """How often Docker started it again by itself."""


def containers(session: Session) -> list[Container]:
    """Every container of the session's instance, stopped ones too.

    Raises:
        OpsError: Docker does not answer.
    """
    label = f"label={INSTANCE_LABEL}={session.settings.stack.instance}"
    ids = _docker(session, "ps", "--all", "--quiet", "--no-trunc", "--filter", label).split()
    return [_container(entry) for entry in json.loads(_docker(session, "inspect", *ids))] if ids else []


def missing_of(resources: Sequence[Mapping[str, Any]], found: Sequence[Container]) -> list[Mapping[str, Any]]:
    """Containers in the stack's state that Docker does not have."""
    there = {container.id for container in found}
    return [
        entry
        for entry in resources
        if entry["type"] == CONTAINER and entry.get("outputs") and not entry.get("delete") and entry["id"] not in there
    ]


def missing(resources: Sequence[Mapping[str, Any]], found: Sequence[Container]) -> list[Container]:
    """The same, for people: each in the state `missing`."""
    return [_gone(entry["outputs"]) for entry in missing_of(resources, found)]


def _gone(outputs: Mapping[str, Any]) -> Container:
    labels = {str(entry["label"]): str(entry["value"]) for entry in outputs.get("labels") or []}
    return Container(
        id="",
        name=str(outputs["name"]),
        service=labels.get(SERVICE_LABEL, str(outputs["name"])),
        owner=labels.get(OWNER_LABEL, ""),
        image=str(outputs.get("image", "")),
        state="missing",
        health="-",
        started_at="-",
        ports=(),
    )


def architectures(session: Session, images: Sequence[str]) -> dict[str, str]:
    """Image id to what it is built for, for example `amd64`.

    Raises:
        OpsError: Docker does not answer, or one is not there any more.
    """
    found = json.loads(_docker(session, "image", "inspect", *images)) if images else []
    return {image: str(entry["Architecture"]) for image, entry in zip(images, found, strict=True)}


def networks(session: Session) -> dict[str, str]:
    """Id to owner of every network of the session's instance."""
    label = f"label={INSTANCE_LABEL}={session.settings.stack.instance}"
    ids = _docker(session, "network", "ls", "--quiet", "--no-trunc", "--filter", label).split()
    if not ids:
        return {}
    entries = json.loads(_docker(session, "network", "inspect", *ids))
    return {entry["Id"]: (entry["Labels"] or {}).get(OWNER_LABEL, "") for entry in entries}


def volumes(session: Session) -> dict[str, str]:
    """Name to owner of all volumes of this machine; the owner is empty where no label says so."""
    listed = _docker(session, "volume", "ls", "--format", f'{{{{.Name}}}} {{{{.Label "{OWNER_LABEL}"}}}}')
    return {name: owner for name, _, owner in (line.partition(" ") for line in listed.splitlines())}


def labels(session: Session, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Volume to its labels, of those of these names that exist."""
    there = sorted(set(names) & volumes(session).keys())
    entries = json.loads(_docker(session, "volume", "inspect", *there)) if there else []
    return {entry["Name"]: entry["Labels"] or {} for entry in entries}


def volumes_with(session: Session, label: str, value: str) -> list[str]:
    """Names of all volumes of this machine whose label has this value."""
    return _docker(session, "volume", "ls", "--quiet", "--filter", f"label={label}={value}").split()


def holders(session: Session) -> list[str]:
    """Names of the containers that never run and hold the volumes of the session's instance."""
    label = f"label={HOLDER_LABEL}={session.settings.stack.instance}"
    return _docker(session, "ps", "--all", "--filter", label, "--format", "{{.Names}}").split()


def remove_volumes(session: Session, names: Sequence[str]) -> None:
    """Remove volumes with all that is in them."""
    if names:
        _docker(session, "volume", "rm", *names)


def remove_containers(session: Session, ids: Sequence[str]) -> None:
    """Stop and remove containers; volumes stay."""
    for container in ids:
        _docker(session, "stop", "--time", "60", container)
        _docker(session, "rm", "--force", container)


def remove_networks(session: Session, ids: Sequence[str]) -> None:
    """Remove networks that nothing is attached to any more."""
    for network in ids:
        _docker(session, "network", "rm", network)


def _docker(session: Session, *arguments: str) -> str:
    try:
        return session.text(["docker", *arguments])
    except (OSError, subprocess.SubprocessError) as error:
        raise OpsError(f"docker {arguments[0]}: {error}") from None


def _container(entry: dict[str, Any]) -> Container:
    labels = entry["Config"]["Labels"] or {}
    bindings = entry["HostConfig"]["PortBindings"] or {}
    state = entry["State"]
    return Container(
        id=entry["Id"],
        name=entry["Name"].lstrip("/"),
        service=labels.get(SERVICE_LABEL, "?"),
        owner=labels.get(OWNER_LABEL, ""),
        image=entry["Image"],
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", UNWATCHED),
        started_at=state["StartedAt"].partition(".")[0] + "Z",
        ports=tuple(sorted({int(host["HostPort"]) for hosts in bindings.values() for host in hosts or []})),
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        restarts=entry["RestartCount"],
    )
