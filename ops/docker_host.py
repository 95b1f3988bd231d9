"""A stack's services on this machine's Docker."""

import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from checks.base import CheckFailedError, until_healthy
from evidence import record
from ops import docker
from ops.host import Status
from ops.session import OpsError, Session
from ops.terminal import waiting

WELL_SECONDS = 180
LOG_SECONDS = 30


class DockerHost:
    """Every container of the session's stack; see `ops.host.Host`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def services(self) -> dict[str, Status]:
        """See `Host`."""
        return {entry.service: Status(entry.service, entry.state, asdict(entry)) for entry in self._containers()}

    def logs(self, service: str, lines: int) -> str:
        """See `Host`."""
        argv = ["docker", "logs", "--timestamps", "--tail", str(lines), self._named(service).id]
        try:
            ran = subprocess.run(
                argv,
                env=self._session.variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=LOG_SECONDS,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise OpsError(f"docker logs: {error}") from None
        text = ran.stdout.decode(errors="replace")
        if ran.returncode:
            raise OpsError(f"docker logs: {text.strip()}")
        return text

    def stop(self, service: str) -> None:
        """See `Host`."""
        self._run("stop", self._named(service).name)

    def start(self, service: str) -> None:
        """See `Host`."""
        self._run("start", self._named(service).name)
        try:
            with waiting.on(f"{service} to become healthy"):
                until_healthy(lambda: self._well(service), deadline_seconds=WELL_SECONDS)
        except CheckFailedError as failure:
            raise OpsError(f"{service} did not become healthy: {failure}") from None

    def snapshots(self) -> Mapping[str, str]:
        """See `Host`; Docker has none."""
        return {}

    def facts(self) -> Mapping[str, Any]:
        """See `Host`."""
        form = "{{.ServerVersion}}|{{.DockerRootDir}}|{{.MemTotal}}|{{.NCPU}}"
        version, root, memory, cpus = self._session.text(["docker", "info", "--format", form]).strip().split("|")
        disk = self._session.text(["df", "-Pk", root]) if root.startswith("/") else ""
        return {"docker": version, "memory_bytes": int(memory), "cpus": int(cpus), "root": root, "disk": disk}

    def _well(self, service: str) -> None:
        entry = self._named(service)
        if entry.state != "running" or entry.health not in {"healthy", "-"}:
            seen = f"{entry.state}, {entry.health}"
            raise CheckFailedError(f"docker inspect {entry.name}", seen, f"see `docker logs {entry.name}`")

    def _named(self, service: str) -> docker.Container:
        for entry in self._containers():
            if entry.service == service:
                return entry
        raise OpsError(f"there is no container of {service}: run `make up`")

    def _containers(self) -> list[docker.Container]:
        return docker.containers(self._session)

    def _run(self, verb: str, name: str) -> None:
        argv = ["docker", verb, name]
        try:
            self._session.text(argv)
        except OpsError as error:
            record("command", " ".join(argv), {"argv": argv, "exit_code": 1, "error": str(error)})
            raise
        record("command", " ".join(argv), {"argv": argv, "exit_code": 0})
