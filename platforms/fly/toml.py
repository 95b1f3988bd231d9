"""The fly.toml of a service, as document and as text; and the rules it must keep, also against the one before."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel

from platforms.fly.errors import FlyError
from platforms.spec import HttpProbe, ServiceSpec

Document = Mapping[str, Any]
MAX_KILL_TIMEOUT = 300
MAX_GRACE = 60
"""Seconds after a start in which Fly does not count a failing check; it lowers what is above."""
HEAD = "# Rendered from the stack; changes here are overwritten.\n"
GROUP = "app"
"""The one process group."""
AWAKE: Mapping[str, Any] = {
    "auto_stop_machines": "off",
    "auto_start_machines": False,
    "min_machines_running": 0,
    "processes": [GROUP],
}
"""A machine that was stopped stays stopped, whoever calls it, and one that runs keeps running."""


class Guest(BaseModel, frozen=True, from_attributes=True, extra="forbid", hide_input_in_errors=True):
    """Size of a machine: kind and number of CPUs, memory in MB."""

    cpu_kind: Literal["shared", "performance"] = "shared"
    cpus: int = 1
    memory_mb: int = 256


def document(
    spec: ServiceSpec,
    app: str,
    region: str,
    guest: Guest,
    *,
    mount: Mapping[str, Any] | None = None,
    secret_files: Mapping[str, str] | None = None,
    public_port: int | None = None,
    balanced: bool = False,
) -> dict[str, Any]:
    """The document of a fly.toml.

    Args:
        spec: what the component asks for; of its inputs only the plain ones are used.
        app: which runs it.
        region: where.
        guest: size of its machines.
        mount: its volume; see `[[mounts]]`.
        secret_files: path to the secret that has the file's content, base64-encoded.
        public_port: port behind https on the app's public address; None for a private app.
        balanced: whether a private app is reached through Fly's balancing over its machines.
    """
    files: dict[str, Mapping[str, Any]] = {
        file.path: {"raw_value": file.content} for file in spec.files if isinstance(file.content, str)
    }
    files |= {path: {"secret_name": name} for path, name in (secret_files or {}).items()}
    result: dict[str, Any] = {
        "app": app,
        "primary_region": region,
        "kill_signal": "SIGTERM",
        "kill_timeout": min(spec.stop_grace, MAX_KILL_TIMEOUT),
        "restart": [{"policy": "always", "processes": [GROUP]}],
        "env": dict(spec.env),
        "vm": [{"memory": f"{guest.memory_mb}mb", "cpus": guest.cpus, "cpu_kind": guest.cpu_kind}],
        "processes": {GROUP: shlex.join(spec.command)},
        # One after the other: of two that start at once on a new release, both would migrate.
        "deploy": {"strategy": "rolling", "max_unavailable": 1},
    }
    if spec.metrics:
        result["metrics"] = [{"port": spec.metrics.port, "path": spec.metrics.path, "processes": [GROUP]}]
    if mount:
        result["mounts"] = [{**mount, "processes": [GROUP]}]
    if files:
        result["files"] = [{"guest_path": path, **source} for path, source in sorted(files.items())]
    return result | _reached(spec, public_port, balanced=balanced)


def _reached(spec: ServiceSpec, public_port: int | None, *, balanced: bool) -> dict[str, Any]:
    check = _check(spec)
    checks = {"checks": {"health": {**check, "processes": [GROUP]}}}
    inside = {name: value for name, value in check.items() if name not in {"type", "port"}}
    if public_port is None:
        services = {"services": [_balanced(port.number, check, inside) for port in spec.ports]} if balanced else {}
        return services | checks
    service = {"internal_port": public_port, "force_https": True, **AWAKE}
    if check["port"] == public_port and check["type"] == "http":
        return {"http_service": {**service, "checks": [inside]}}
    return {"http_service": service, **checks}


def _balanced(port: int, check: Mapping[str, Any], inside: Mapping[str, Any]) -> dict[str, Any]:
    tcp = {name: value for name, value in inside.items() if name not in {"path", "method"}}
    is_http = check["type"] == "http" and check["port"] == port
    return {
        "protocol": "tcp",
        "internal_port": port,
        **AWAKE,
        # A model may say nothing for minutes.
        "ports": [{"port": port, "handlers": ["http"], "http_options": {"idle_timeout": 600}}],
        **({"http_checks": [inside]} if is_http else {"tcp_checks": [tcp]}),
    }


def _check(spec: ServiceSpec) -> dict[str, Any]:
    health = spec.health
    times = {
        "interval": f"{health.interval}s",
        "timeout": f"{health.timeout}s",
        "grace_period": f"{min(health.start_period, MAX_GRACE)}s",
    }
    if isinstance(health.probe, HttpProbe):
        return {"type": "http", "port": health.probe.port, "path": health.probe.path, "method": "get", **times}
    # Fly runs no command inside the machine: that the port opens is what it can see, the stack's gates see the rest.
    return {"type": "tcp", "port": spec.ports[0].number, **times}


def text(document: Document) -> str:
    """The file's text; the same document always gives the same text."""
    # TOML reads the end of each line of a multi-line string as \n, whatever it was.
    keeps_line_ends = "\\r" not in json.dumps(document)
    return HEAD + tomli_w.dumps(_sorted(document), multiline_strings=keeps_line_ends)


def fixed(document: Document) -> dict[str, Any]:
    """What must not change from one deployment to the next: app, region, mounts, process groups."""
    return {
        "app": document.get("app"),
        "region": document.get("primary_region"),
        "mounts": {mount["source"]: mount["destination"] for mount in document.get("mounts", [])},
        "processes": sorted(document.get("processes", {GROUP: ""})),
    }


def lint(document: Document, *, data: bool, previous: Mapping[str, Any] | None, secrets: frozenset[str]) -> None:
    """Check a document before anything is called.

    Args:
        document: see `document`.
        data: whether the app holds data.
        previous: `fixed` of the document before; None when there was none.
        secrets: names of the app's secrets.

    Raises:
        FlyError: lists everything that is wrong.
    """
    wrong = [
        *_alone(document),
        *_watched(document),
        *_mounts(document, data=data),
        *_inputs(document, secrets),
        *_against(document, previous or {}),
    ]
    if wrong:
        raise FlyError(
            "\n".join((f"fly.toml of app {document.get('app')} is refused", *(f"    - {fault}" for fault in wrong))),
            "nothing was called; take the change of the setting or of the program that leads to this back",
        )


def _alone(document: Document) -> Iterator[str]:
    if not document.get("app") or not document.get("primary_region"):
        yield "app and primary_region are needed"
    timeout = document.get("kill_timeout", 5)
    if not isinstance(timeout, int) or not 1 <= timeout <= MAX_KILL_TIMEOUT:
        yield f"kill_timeout is {timeout!r}, Fly allows 1 to {MAX_KILL_TIMEOUT} seconds"
    if document.get("kill_signal") != "SIGTERM":
        yield "kill_signal must be SIGTERM: Fly sends SIGINT, which databases take for an emergency"
    if [entry.get("policy") for entry in document.get("restart", [])] != ["always"]:
        yield "[[restart]] policy must be always: Fly leaves a machine stopped that ended ten times"
    if document.get("build"):
        yield "images are built elsewhere, [build] has no place here"
    if document.get("deploy", {}).get("release_command"):
        yield "a release command runs without the volume, and twice; migrations belong to the service"


def _watched(document: Document) -> Iterator[str]:
    checks = [*document.get("checks", {}).values()]
    for service in _services(document):
        checks += [check for kind in ("checks", "http_checks", "tcp_checks") for check in service.get(kind, [])]
        if service.get("auto_stop_machines") != "off" or service.get("auto_start_machines") is not False:
            yield "auto_stop_machines must be off and auto_start_machines false: a stop asked for must stay a stop"
    for check in checks:
        grace = str(check.get("grace_period", "0s"))
        if not re.fullmatch(r"\d+s", grace) or int(grace[:-1]) > MAX_GRACE:
            yield f"grace_period is {grace}, and Fly lowers what is above {MAX_GRACE}s: let wait-timeout wait instead"


def _services(document: Document) -> list[Mapping[str, Any]]:
    return [*([document["http_service"]] if "http_service" in document else []), *document.get("services", [])]


def _mounts(document: Document, *, data: bool) -> Iterator[str]:
    mounts = document.get("mounts", [])
    if len(mounts) > 1:
        yield "a machine holds one volume"
    if data and not mounts:
        yield "an app that holds data needs its [[mounts]]"
    if data and _services(document):
        yield "an app that holds data must have no public service: take it out of fly:public"
    strategy = document.get("deploy", {}).get("strategy", "rolling")
    if (data or mounts) and strategy not in ("rolling", "immediate"):
        yield "a machine with a volume can only be deployed with strategy rolling or immediate"


def _inputs(document: Document, secrets: frozenset[str]) -> Iterator[str]:
    for name, value in document.get("env", {}).items():
        if not isinstance(value, str):
            yield f"variable {name} must be text"
        if name.startswith("FLY_") or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
            yield f"variable {name} has a name that Fly does not allow"
        if name in secrets:
            yield f"variable {name} is also a secret, which would win"
    for file in document.get("files", []):
        path = str(file.get("guest_path", ""))
        if not path.startswith("/") or ("raw_value" in file) == ("secret_name" in file):
            yield f"file {path!r} needs an absolute path and one of raw_value and secret_name"
        if file.get("secret_name", "") not in secrets | {""}:
            yield f"file {path} needs the secret {file['secret_name']}, which the app does not have"


def _against(document: Document, previous: Mapping[str, Any]) -> Iterator[str]:
    now = fixed(document)
    for name, setting in (("app", "fly:apps"), ("region", "fly:region")):
        if previous.get(name) and previous[name] != now[name]:
            yield f"{name} was {previous[name]} and is now {now[name]}; it cannot change: set {setting} back"
    if previous.get("mounts") and previous["mounts"] != now["mounts"]:
        was, are = (
            ", ".join(f"{source} at {path}" for source, path in sorted(mounts.items())) or "none"
            for mounts in (previous["mounts"], now["mounts"])
        )
        yield f"[[mounts]] were {was} and are now {are}; a change replaces the machine and leaves its volume behind"
    if removed := sorted(set(previous.get("processes", ())) - set(now["processes"])):
        yield f"process groups {', '.join(removed)} are missing; Fly would remove their machines"


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        nested = {key: isinstance(value[key], Mapping | list | tuple) for key in value}
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda key: (nested[key], key))}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value
