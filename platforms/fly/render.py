"""A ServiceSpec, and what Fly needs to know beside it, as the document of a fly.toml."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from platforms.fly.toml import LONGEST_KILL_TIMEOUT, MAX_GRACE
from platforms.spec import HealthSpec, HttpProbe, ServiceSpec

GROUP = "app"
"""The one process group."""
AWAKE: Mapping[str, Any] = {
    "auto_stop_machines": "off",
    "auto_start_machines": False,
    "min_machines_running": 0,
    "processes": [GROUP],
}
"""A machine that was stopped stays stopped, whoever calls it, and one that runs keeps running."""


@dataclass(frozen=True)
class Mounted:
    """A volume in a machine."""

    source: str
    """Name of the volume."""
    destination: str
    size_gb: int
    snapshot_retention: int
    """Days."""


@dataclass(frozen=True)
class SecretFile:
    """A file whose content is the app's secret `name`, base64-encoded."""

    name: str


@dataclass(frozen=True)
class Facts:
    """What a service on Fly has beside its spec."""

    app: str
    region: str
    memory_mb: int
    cpus: int = 1
    cpu_kind: str = "shared"
    public_port: int | None = None
    """Port behind https on the app's public address; None for a private app."""
    balanced: bool = False
    """Whether a private app is reached through Fly's balancing over its machines."""
    mount: Mounted | None = None
    files: Mapping[str, str | SecretFile] = field(default_factory=dict)
    """Content by path, known by now; a path of the spec that is missing here must have plain text in the spec."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables that only Fly needs; they win over the spec's."""


def document(spec: ServiceSpec, facts: Facts) -> dict[str, Any]:
    """The document of a fly.toml, as JSON; `platforms.fly.toml.text` writes it.

    Args:
        spec: what the component asks for; of its inputs only the plain ones are used.
        facts: what Fly needs beside it.
    """
    result: dict[str, Any] = {
        "app": facts.app,
        "primary_region": facts.region,
        "kill_signal": "SIGTERM",
        "kill_timeout": min(spec.stop_grace, LONGEST_KILL_TIMEOUT),
        "restart": [{"policy": "always", "processes": [GROUP]}],
        "env": {**spec.env, **facts.env},
        "vm": [{"memory": f"{facts.memory_mb}mb", "cpus": facts.cpus, "cpu_kind": facts.cpu_kind}],
        "processes": {GROUP: shlex.join(spec.command)},
        # One after the other: of two that start at once on a new release, both would migrate.
        "deploy": {"strategy": "rolling", "max_unavailable": 1},
    }
    if spec.metrics:
        result["metrics"] = [{"port": spec.metrics.port, "path": spec.metrics.path, "processes": [GROUP]}]
    if facts.mount:
        result["mounts"] = [
            {
                "source": facts.mount.source,
                "destination": facts.mount.destination,
                "initial_size": f"{facts.mount.size_gb}gb",
                "snapshot_retention": facts.mount.snapshot_retention,
                "processes": [GROUP],
            }
        ]
    files = {**{file.path: file.content for file in spec.files if isinstance(file.content, str)}, **facts.files}
    if files:
        result["files"] = [_file(path, content) for path, content in sorted(files.items())]
    return result | _reached(spec, facts)


def _file(path: str, content: str | SecretFile) -> dict[str, str]:
    source = {"secret_name": content.name} if isinstance(content, SecretFile) else {"raw_value": content}
    return {"guest_path": path, **source}


def _reached(spec: ServiceSpec, facts: Facts) -> dict[str, Any]:
    check = _check(spec)
    checks = {"checks": {"health": {**check, "processes": [GROUP]}}}
    inside = {name: value for name, value in check.items() if name not in {"type", "port"}}
    if facts.public_port is None and facts.balanced:
        return {"services": [_balanced(port.number, check, inside) for port in spec.ports], **checks}
    if facts.public_port is None:
        return checks
    service = {"internal_port": facts.public_port, "force_https": True, **AWAKE}
    if check["port"] == facts.public_port and check["type"] == "http":
        return {"http_service": {**service, "checks": [inside]}}
    return {"http_service": service, **checks}


def _balanced(port: int, check: Mapping[str, Any], inside: Mapping[str, Any]) -> dict[str, Any]:
    kind = "http_checks" if check["type"] == "http" and check["port"] == port else "tcp_checks"
    tcp = {name: value for name, value in inside.items() if name not in {"path", "method"}}
    return {
        "protocol": "tcp",
        "internal_port": port,
        **AWAKE,
        # A model may say nothing for minutes.
        "ports": [{"port": port, "handlers": ["http"], "http_options": {"idle_timeout": 600}}],
        kind: [inside if kind == "http_checks" else tcp],
    }


def _check(spec: ServiceSpec) -> dict[str, Any]:
    health: HealthSpec = spec.health
    times = {
        "interval": f"{health.interval}s",
        "timeout": f"{health.timeout}s",
        "grace_period": f"{min(health.start_period, MAX_GRACE)}s",
    }
    if isinstance(health.probe, HttpProbe):
        return {"type": "http", "port": health.probe.port, "path": health.probe.path, "method": "get", **times}
    # Fly runs no command inside the machine: that the port opens is what it can see, the stack's gates see the rest.
    return {"type": "tcp", "port": spec.ports[0].number, **times}
