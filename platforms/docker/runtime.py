"""What runs of a stack on Docker: containers, networks and volumes, found by their labels."""

import io
import json
import re
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evidence import record
from platforms.docker.client import Docker, DockerError, argv
from platforms.docker.labels import HOLDER_LABEL, INSTANCE_LABEL, OWNER_LABEL, SERVICE_LABEL
from platforms.errors import PlatformError
from platforms.spec import UNWATCHED, Address, Instance, Memory, Status

CONTAINER = "docker:index/container:Container"
SCRIPTS = Path(__file__).parents[1] / "scripts"
HEALTHY_SECONDS = 180
LOG_SECONDS = 30
LOOK_SECONDS = 6
STATISTICS_SECONDS = 10
MAX_LINES = 5000
MIN_FREE_GB = 2
UNITS = {"B": 1, "kB": 1000, "KiB": 1 << 10, "MB": 10**6, "MiB": 1 << 20, "GB": 10**9, "GiB": 1 << 30, "TiB": 1 << 40}
SIZE = re.compile(r"([\d.]+) ?([kKMGT]?i?B)")


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


class DockerRuntime:
    """See `Runtime`. What is not from there is only to be had on Docker: objects of this machine, by name and owner.

    Args:
        instance: value of the setting `langfuse-stack:instance`.
        variables: environment that finds Docker; None for this process's own.
    """

    def __init__(self, instance: str, variables: Mapping[str, str] | None = None) -> None:
        self.instance = instance
        self.cli = Docker(variables, seconds=None)
        self._quick = Docker(variables, LOOK_SECONDS)
        self._asking = threading.Lock()

    def services(self) -> dict[str, Status]:
        """See `Runtime`."""
        return {entry.service: Status(entry.service, entry.state, asdict(entry)) for entry in self.containers()}

    def logs(self, service: str, lines: int) -> str:
        """See `Runtime`."""
        docker = Docker(self.cli.variables, LOG_SECONDS)
        found = self._container(service).id
        return docker.raw("logs", "--timestamps", f"--tail={lines}", found, merged=True).decode(errors="replace")

    def stop(self, service: str) -> None:
        """See `Runtime`."""
        self._change("stop", self._container(service).name)

    def start(self, service: str) -> None:
        """See `Runtime`."""
        self._change("start", self._container(service).name)
        give_up = time.monotonic() + HEALTHY_SECONDS
        while (entry := self._container(service)).state != "running" or entry.health not in {"healthy", UNWATCHED}:
            if time.monotonic() > give_up:
                raise DockerError(
                    f"{service} did not become healthy: docker inspect {entry.name}\n"
                    f"    seen: {entry.state}, {entry.health}\n    fix:  see `docker logs {entry.name}`"
                )
            time.sleep(1)

    def snapshots(self) -> Mapping[str, str]:
        """See `Runtime`; Docker has none."""
        return {}

    def about(self) -> Mapping[str, Any]:
        """See `Runtime`."""
        info = self.cli.info()
        return {
            "docker": info["ServerVersion"],
            "memory_bytes": info["MemTotal"],
            "cpus": info["NCPU"],
            "root": info["DockerRootDir"],
            "disk": subprocess.run(
                ["df", "-Pk", info["DockerRootDir"]], capture_output=True, text=True, check=False
            ).stdout,
        }

    def unready(self) -> Sequence[str]:
        """See `Runtime`: a full disk."""
        root = Path(self.cli.info()["DockerRootDir"])
        free = shutil.disk_usage(root).free / 1e9 if root.exists() else MIN_FREE_GB
        return [f"{root} has {free:.1f} GB left: free at least {MIN_FREE_GB} GB"] if free < MIN_FREE_GB else []

    def settings_of(self, service: str) -> Mapping[str, str]:
        """See `Runtime`."""
        return self._instance(service).env

    def address(self, service: str, port: int) -> Address | None:  # noqa: ARG002 - of the interface
        """See `Runtime`; all are published."""
        return None

    def memory(self) -> Sequence[Memory]:
        """See `Runtime`; as Docker counts it: without what the kernel only keeps as a cache."""
        names = {
            found.name: service
            for service, instances in self.instances().items()
            for found in instances
            if found.state in {"running", "paused"}
        }
        if not names:
            raise DockerError("memory of containers: none runs; `make up` starts them")
        docker = Docker(self.cli.variables, STATISTICS_SECONDS)
        try:
            return used_memory(docker("stats", "--no-stream", "--format={{json .}}", *names), names)
        except DockerError as error:
            raise DockerError(f"memory of containers: {error}") from None

    def instances(self) -> Mapping[str, Sequence[Instance]]:
        """See `Runtime`."""
        with self._asking:
            return self._instances

    def reach(self, service: str, targets: Sequence[str]) -> Mapping[str, str]:
        """See `Runtime`; done by a script in the container, with whatever its image has for it."""
        script = (SCRIPTS / "reach.sh").read_text(encoding="utf-8")
        name = self._instance(service).name
        answer = self._quick("exec", "--interactive", name, "sh", "-s", "--", *targets, stdin=script)
        return {target: seen for target, _, seen in (line.partition(" ") for line in answer.splitlines())}

    def filesystem(self, service: str, path: str) -> str:
        """See `Runtime`."""
        return self._quick("exec", self._instance(service).name, "stat", "-f", "-c", "%T", path).strip()

    def recent(self, service: str, seconds: float) -> bytes:
        """See `Runtime`; of all containers of the service."""
        options = (f"--since={max(seconds, 0.001):.3f}s", f"--tail={MAX_LINES}")
        found = self.instances().get(service, ())
        return b"".join(self._quick.raw("logs", *options, entry.name, merged=True) for entry in found)

    def migration(self, service: str, folder: str, version: int) -> str | None:
        """See `Runtime`; copied out of the container, which need not run for that."""
        archive = self._quick.raw("cp", f"{self._instance(service).name}:{folder}", "-")
        wanted = re.compile(rf"(^|/)0*{version}_[^/]*\.up\.sql$")
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for entry in files:
                content = files.extractfile(entry) if wanted.search(entry.name) else None
                if content:
                    return content.read().decode("utf-8", "replace")
        return None

    def containers(self) -> list[Container]:
        """Every container of the instance, stopped ones too."""
        return [_container(entry) for entry in self.cli.labelled("container", INSTANCE_LABEL, self.instance)]

    def networks(self) -> dict[str, str]:
        """Id to owner of every network of the instance."""
        found = self.cli.labelled("network", INSTANCE_LABEL, self.instance)
        return {entry["Id"]: (entry["Labels"] or {}).get(OWNER_LABEL, "") for entry in found}

    def volumes(self) -> dict[str, str]:
        """Name to owner of all volumes of this machine; the owner is empty where no label says so."""
        listed = self.cli("volume", "ls", "--format", f'{{{{.Name}}}} {{{{.Label "{OWNER_LABEL}"}}}}')
        return {name: owner for name, _, owner in (line.partition(" ") for line in listed.splitlines())}

    def own_volumes(self) -> list[str]:
        """Names of all volumes that are labelled as the instance's."""
        return self.cli.ids("volume", f"label={INSTANCE_LABEL}={self.instance}")

    def labels(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Volume to its labels, of those of these names that exist."""
        there = sorted(set(names) & self.volumes().keys())
        return {entry["Name"]: entry["Labels"] or {} for entry in self.cli.inspect("volume", *there)}

    def holders(self) -> list[str]:
        """Names of the containers that never run and hold the volumes of the instance."""
        label = f"label={HOLDER_LABEL}={self.instance}"
        return self.cli("ps", "--all", f"--filter={label}", "--format={{.Names}}").split()

    def remove_containers(self, ids: Sequence[str]) -> None:
        """Stop and remove containers; volumes stay."""
        for container in ids:
            self.cli("stop", "--time=60", container)
            self.cli("rm", "--force", container)

    def remove_networks(self, ids: Sequence[str]) -> None:
        """Remove networks that nothing is attached to any more."""
        for network in ids:
            self.cli("network", "rm", network)

    def remove_volumes(self, names: Sequence[str]) -> None:
        """Remove volumes with all that is in them."""
        if names:
            self.cli("volume", "rm", *names)

    @cached_property
    def _instances(self) -> dict[str, list[Instance]]:
        entries = self._quick.labelled("container", INSTANCE_LABEL, self.instance)
        images = self._quick.inspect("image", *{entry["Image"] for entry in entries})
        brought = {image["Id"]: set(image["Config"].get("Env") or []) for image in images}
        found: dict[str, list[Instance]] = {}
        for entry in sorted(entries, key=lambda entry: str(entry["Created"])):
            made = _instance(entry, brought.get(entry["Image"], set()))
            found.setdefault(made.service, []).append(made)
        return found

    def _instance(self, service: str) -> Instance:
        found = self.instances().get(service)
        if not found:
            raise PlatformError(f"there is no {service}", "`make up` makes it")
        return found[0]

    def _container(self, service: str) -> Container:
        for entry in self.containers():
            if entry.service == service:
                return entry
        raise PlatformError(f"there is no container of {service}: run `make up`")

    def _change(self, verb: str, name: str) -> None:
        words = argv(verb, name)
        try:
            self.cli(verb, name)
        except DockerError as error:
            record("command", " ".join(words), {"argv": words, "exit_code": 1, "error": str(error)})
            raise
        record("command", " ".join(words), {"argv": words, "exit_code": 0})


def missing(resources: Sequence[Mapping[str, Any]], found: Sequence[Container]) -> list[Mapping[str, Any]]:
    """Resources of a stack's state that are containers and that Docker does not have."""
    there = {container.id for container in found}
    return [
        entry
        for entry in resources
        if entry["type"] == CONTAINER and entry.get("outputs") and not entry.get("delete") and entry["id"] not in there
    ]


def as_missing(outputs: Mapping[str, Any]) -> Container:
    """A container that is gone, by what the state says of it: in the state `missing`."""
    labels = {str(entry["label"]): str(entry["value"]) for entry in outputs.get("labels") or []}
    return Container(
        id="",
        name=str(outputs["name"]),
        service=labels.get(SERVICE_LABEL, str(outputs["name"])),
        owner=labels.get(OWNER_LABEL, ""),
        image=str(outputs.get("image", "")),
        state="missing",
        health=UNWATCHED,
        started_at="-",
        ports=(),
    )


def used_memory(lines: str, services: Mapping[str, str]) -> list[Memory]:
    """What `docker stats` printed.

    Args:
        lines: JSON, one container a line.
        services: of each container's name.
    """
    found = []
    for line in lines.splitlines():
        entry = json.loads(line)
        used, limit = (_bytes(text) for text in entry["MemUsage"].split("/"))
        found.append(Memory(services[entry["Name"]], used, limit or None))
    return sorted(found, key=lambda memory: memory.of)


def _bytes(text: str) -> int:
    number = SIZE.search(text)
    if number is None:
        raise DockerError(f"docker stats says {text.strip()}")
    return round(float(number[1]) * UNITS[number[2]])


def _container(entry: Mapping[str, Any]) -> Container:
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


def _instance(entry: Mapping[str, Any], brought: set[str]) -> Instance:
    made = _container(entry)
    given = [item for item in entry["Config"]["Env"] or [] if item not in brought]
    return Instance(
        service=made.service,
        name=made.name,
        state=made.state,
        health=made.health,
        image=made.image,
        env=dict(item.split("=", 1) for item in given if "=" in item),
        restarts=made.restarts,
        out_of_memory=made.oom_killed,
        memory_bytes=int(entry["HostConfig"].get("Memory") or 0),
    )
