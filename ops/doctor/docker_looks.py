"""Looks into services that run as Docker containers. The only part of the doctor that knows Docker."""

import io
import json
import re
import subprocess
import tarfile
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ops.doctor.looks import MIGRATIONS, Facts, LookError
from platforms.docker_labels import INSTANCE_LABEL, SERVICE_LABEL

SCRIPTS = Path(__file__).parents[2] / "platforms" / "scripts"
SECONDS = 6


class DockerLooks:
    """Containers are found by their labels.

    Args:
        instance: value of the setting `langfuse-stack:instance`.
    """

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._asking = threading.Lock()

    def facts(self) -> Mapping[str, Sequence[Facts]]:
        """Every container of the instance, asked for once."""
        with self._asking:
            return self._facts

    def reach(self, service: str, targets: Sequence[str]) -> Mapping[str, str]:
        """See `Looks`; done by a script in the container, with whatever its image has for it."""
        answer = self._script(service, "reach.sh", *targets)
        return {target: seen for target, _, seen in (line.partition(" ") for line in answer.splitlines())}

    def filesystem(self, service: str, path: str) -> str:
        """See `Looks`."""
        return _docker("exec", self._name(service), "stat", "-f", "-c", "%T", path).decode().strip()

    def log(self, service: str, seconds: float) -> bytes:
        """See `Looks`; of all containers of the service."""
        since = f"--since={max(seconds, 0.001):.3f}s"
        names = [found.name for found in self.facts().get(service, ())]
        return b"".join(_docker("logs", since, "--tail=5000", name, errors_too=True) for name in names)

    def migration(self, version: int) -> str | None:
        """See `Looks`; copied out of the container, which need not run for that."""
        archive = _docker("cp", f"{self._name('langfuse-web')}:{MIGRATIONS}", "-")
        wanted = re.compile(rf"(^|/)0*{version}_[^/]*\.up\.sql$")
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for entry in files:
                content = files.extractfile(entry) if wanted.search(entry.name) else None
                if content:
                    return content.read().decode("utf-8", "replace")
        return None

    @cached_property
    def _facts(self) -> dict[str, list[Facts]]:
        label = f"label={INSTANCE_LABEL}={self._instance}"
        ids = _docker("ps", "--all", "--quiet", "--no-trunc", "--filter", label).decode().split()
        entries: list[dict[str, Any]] = json.loads(_docker("inspect", *ids)) if ids else []
        images = {entry["Image"] for entry in entries}
        known: list[dict[str, Any]] = json.loads(_docker("image", "inspect", *images)) if images else []
        brought = {image["Id"]: set(image["Config"].get("Env") or []) for image in known}
        found: dict[str, list[Facts]] = {}
        for entry in sorted(entries, key=lambda entry: str(entry["Created"])):
            facts = _facts_of(entry, brought.get(entry["Image"], set()))
            found.setdefault(facts.service, []).append(facts)
        return found

    def _name(self, service: str) -> str:
        found = self.facts().get(service)
        if not found:
            raise LookError(f"there is no {service}", "`make up` makes it")
        return found[0].name

    def _script(self, service: str, script: str, *arguments: str) -> str:
        text = (SCRIPTS / script).read_bytes()
        argv = ("exec", "--interactive", self._name(service), "sh", "-s", "--", *arguments)
        return _docker(*argv, stdin=text).decode("utf-8", "replace")


def _facts_of(entry: dict[str, Any], brought: set[str]) -> Facts:
    state = entry["State"]
    given = [item for item in entry["Config"]["Env"] or [] if item not in brought]
    return Facts(
        service=(entry["Config"]["Labels"] or {}).get(SERVICE_LABEL, "?"),
        name=entry["Name"].lstrip("/"),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", "-"),
        image=entry["Image"],
        env=dict(item.split("=", 1) for item in given if "=" in item),
        restarts=int(entry.get("RestartCount") or 0),
        out_of_memory=bool(state.get("OOMKilled")),
        memory_bytes=int((entry.get("HostConfig") or {}).get("Memory") or 0),
    )


def _docker(*argv: str, stdin: bytes = b"", errors_too: bool = False) -> bytes:
    try:
        done = subprocess.run(
            ["docker", *argv],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors_too else subprocess.PIPE,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LookError(f"docker {argv[0]} did not end within {SECONDS} s") from None
    except OSError as error:
        raise LookError(f"docker cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout or b"").decode("utf-8", "replace").strip().splitlines()
        raise LookError(f"docker {argv[0]}: {said[-1][:200] if said else f'status {done.returncode}'}")
    return done.stdout
