"""The text of a fly.toml, and the rules it must keep: against the one before, and by itself."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import tomli_w

from platforms.fly.errors import LintError

Document = Mapping[str, Any]
LONGEST_KILL_TIMEOUT = 300
MAX_GRACE = 60
"""Seconds after a start in which Fly does not count a failing check; it lowers what is above."""
HEAD = "# Rendered from the stack; changes here are overwritten.\n"


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
        "processes": sorted(document.get("processes", {"app": ""})),
    }


def lint(document: Document, *, data: bool, previous: Mapping[str, Any] | None, secrets: frozenset[str]) -> None:
    """Check a document before anything is called.

    Args:
        document: see `platforms.fly.render.document`.
        data: whether the app holds data.
        previous: `fixed` of the document before; None when there was none.
        secrets: names of the app's secrets.

    Raises:
        LintError: lists everything that is wrong.
    """
    wrong = [
        *_alone(document),
        *_awake(document),
        *_data(document, data=data),
        *_files(document, secrets),
        *_env(document, secrets),
        *(_against(document, previous) if previous else ()),
    ]
    if wrong:
        raise LintError(
            "\n".join((f"fly.toml of app {document.get('app')} is refused", *(f"    - {fault}" for fault in wrong))),
            "nothing was called; take the change of the setting or of the program that leads to this back",
        )


def _alone(document: Document) -> Iterator[str]:
    if not document.get("app") or not document.get("primary_region"):
        yield "app and primary_region are needed"
    timeout = document.get("kill_timeout", 5)
    if not isinstance(timeout, int) or not 1 <= timeout <= LONGEST_KILL_TIMEOUT:
        yield f"kill_timeout is {timeout!r}, Fly allows 1 to {LONGEST_KILL_TIMEOUT} seconds"
    if document.get("kill_signal") != "SIGTERM":
        yield "kill_signal must be SIGTERM: Fly sends SIGINT, which databases take for an emergency"
    if [entry.get("policy") for entry in document.get("restart", [])] != ["always"]:
        yield "[[restart]] policy must be always: Fly leaves a machine stopped that ended ten times"
    if document.get("build"):
        yield "images are built elsewhere, [build] has no place here"
    if document.get("deploy", {}).get("release_command"):
        yield "a release command runs without the volume, and twice; migrations belong to the service"


def _awake(document: Document) -> Iterator[str]:
    for service in _services(document):
        if service.get("auto_stop_machines") != "off" or service.get("auto_start_machines") is not False:
            yield "auto_stop_machines must be off and auto_start_machines false: a stop asked for must stay a stop"
    for check in _checks(document):
        grace = str(check.get("grace_period", "0s"))
        if not re.fullmatch(r"\d+s", grace) or int(grace[:-1]) > MAX_GRACE:
            yield f"grace_period is {grace}, and Fly lowers what is above {MAX_GRACE}s: let wait-timeout wait instead"


def _checks(document: Document) -> Iterator[Mapping[str, Any]]:
    yield from document.get("checks", {}).values()
    for service in _services(document):
        for kind in ("checks", "http_checks", "tcp_checks"):
            yield from service.get(kind, [])


def _data(document: Document, *, data: bool) -> Iterator[str]:
    mounts = document.get("mounts", [])
    if len(mounts) > 1:
        yield "a machine holds one volume"
    if data and not mounts:
        yield "an app that holds data needs its [[mounts]]"
    if not data and not mounts:
        return
    if data and any(_services(document)):
        yield "an app that holds data must have no public service: take it out of fly:public"
    if document.get("deploy", {}).get("strategy", "rolling") not in ("rolling", "immediate"):
        yield "a machine with a volume can only be deployed with strategy rolling or immediate"


def _services(document: Document) -> Iterator[Mapping[str, Any]]:
    if "http_service" in document:
        yield document["http_service"]
    yield from document.get("services", [])


def _env(document: Document, secrets: frozenset[str]) -> Iterator[str]:
    for name, value in document.get("env", {}).items():
        if not isinstance(value, str):
            yield f"variable {name} must be text"
        if name.startswith("FLY_") or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
            yield f"variable {name} has a name that Fly does not allow"
        if name in secrets:
            yield f"variable {name} is also a secret, which would win"


def _files(document: Document, secrets: frozenset[str]) -> Iterator[str]:
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
        yield (
            f"[[mounts]] were {_listed(previous['mounts'])} and are now {_listed(now['mounts'])}; a change replaces "
            "the machine and leaves its volume behind"
        )
    removed = sorted(set(previous.get("processes", ())) - set(now["processes"]))
    if removed:
        yield f"process groups {', '.join(removed)} are missing; Fly would remove their machines"


def _listed(mounts: Mapping[str, str]) -> str:
    return ", ".join(f"{source} at {path}" for source, path in sorted(mounts.items())) or "none"


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda key: (_nested(value[key]), key))}
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value


def _nested(value: object) -> bool:
    return isinstance(value, Mapping | list | tuple)
