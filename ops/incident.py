"""`incident`: what can be known of a stack at this moment, in one bundle, however little of it still works."""

import io
import json
import os
import platform
import secrets
import shutil
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from checks.base import first_line, until_healthy
from evidence import now, slugged, unwritable
from ops import decisions, redaction
from ops.answer import answer
from ops.evidence import ready
from ops.run_folder import digest
from ops.runtime import runtime_of
from ops.session import OpsError, Session, open_session, settings_file
from ops.smoke import access, causes
from ops.state import State, read_state
from ops.terminal import Console, waiting
from platforms.errors import PlatformError
from platforms.spec import Runtime
from settings.recorded import NOTHING
from toolchain.paths import state_dir
from toolchain.report import ToolchainError

T = TypeVar("T")
INCIDENTS = "incidents"
PART_SECONDS = 20
LOG_LINES = 2000
LOG_BYTES = 1_000_000
LAST_DECISIONS = 20


@dataclass
class Bundle:
    """What was gathered so far, and what could not be."""

    files: dict[str, str] = field(default_factory=dict)
    """Path in the bundle to text."""
    missing: dict[str, str] = field(default_factory=dict)
    """Part to the reason why it is not there."""

    def seen(self, part: str, look: Callable[[], T]) -> T | None:
        """What `look` returns; None, and the reason among what is missing, when it cannot."""
        try:
            return until_healthy(look, deadline_seconds=PART_SECONDS)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - in an incident anything may fail, in any way
            self.missing[part] = str(error) if isinstance(error, OpsError | PlatformError) else first_line(error)
            return None

    def gather(self, part: str, path: str, look: Callable[[], Any]) -> None:
        """Add what `look` returns, text or JSON, as the file `path`."""
        found = self.seen(part, look)
        if found is not None:
            self.files[path] = found if isinstance(found, str) else json.dumps(found, indent=1, default=str)


def incident(stack: str, config_file: Path | None, *, note: str, as_json: bool) -> None:
    """Gather logs, states, versions, settings, gates and decisions into a bundle, and record the incident.

    Args:
        stack: name of the stack.
        config_file: its settings file.
        note: what happened, for the record.
        as_json: print JSON.

    Raises:
        EvidenceError: the bundle or the record cannot be written.
    """
    root, console, bundle = ready(decisions.place()), Console(stderr=as_json), Bundle()
    session = _session(stack, config_file, bundle)
    with waiting.on("logs and states"):
        redactor = _gather(session, bundle)
    head = {"stack": stack, "at": now(), "who": decisions.operator(), "note": note}
    summary = {**head, "gathered": sorted(bundle.files), "missing": bundle.missing}
    bundle.files["incident.json"] = json.dumps(summary, indent=1)
    path = _write(root, stack, {name: redactor(text) for name, text in bundle.files.items()})
    evidence = {str(path.relative_to(root)): digest(path)}
    missing = {part: redactor(reason) for part, reason in bundle.missing.items()}
    entry = {"stack": stack, "result": "ok", "note": redactor(note), "missing": missing, "evidence": evidence}
    decisions.append(root, "incident_recorded", entry)
    console.print(f"{path}")
    console.print(f"{len(bundle.files)} files, secrets taken out. Look through it before you hand it on.")
    for part, reason in missing.items():
        console.print(f"[yellow]not gathered[/] {part}:", end=" ")
        console.print(reason, markup=False)
    if as_json:
        answer({"bundle": str(path), "files": sorted(bundle.files), "missing": missing})


def _session(stack: str, config_file: Path | None, bundle: Bundle) -> Session:
    try:
        session = open_session(stack, config_file)
        switches = bundle.seen("switches", lambda: session.recorded)
        return session if switches else replace(session, known=NOTHING)
    except ToolchainError as error:
        bundle.missing["toolchain"] = str(error)
        return Session(stack, {"PATH": os.environ["PATH"]}, settings_file(stack, config_file), known=NOTHING)


def _gather(session: Session, bundle: Bundle) -> redaction.Redactor:
    """Everything, each part on its own; returns what takes the secrets out of it."""
    bundle.gather("settings", "settings.json", lambda: _settings(session))
    bundle.gather("machine", "machine.json", _machine)
    bundle.gather("engine", "engine.txt", lambda: session.text(["pulumi", "version"]))
    bundle.gather("images", "images.json", lambda: _images(session))
    bundle.gather("decisions", "decisions.json", _decisions)
    state = bundle.seen("state", lambda: read_state(session, show_secrets=True))
    if state is not None:
        bundle.gather("gates", "gates.json", lambda: _gates(state))
        bundle.gather("findings", "findings.txt", lambda: _findings(session, state))
    runtime = bundle.seen("platform", lambda: runtime_of(session))
    if runtime is not None:
        _gather_services(runtime, bundle, with_logs=state is not None)
    set_by_hand = bundle.seen("secrets in settings", lambda: redaction.of_settings(session)) or set()
    shown = bundle.seen("plain settings", lambda: redaction.strings(_settings(session))) or set()
    return redaction.Redactor(set_by_hand | (redaction.of_state(state) - shown if state else set()))


def _gather_services(runtime: Runtime, bundle: Bundle, *, with_logs: bool) -> None:
    bundle.gather("platform facts", "platform.json", runtime.about)
    services = bundle.seen("services", runtime.services) or {}
    bundle.files["services.json"] = json.dumps({name: vars(entry) for name, entry in services.items()}, indent=1)
    if not with_logs:
        bundle.missing["logs"] = "left out: without the state it is not known which of their values are secret"
        return
    for service in services:
        bundle.gather(f"log of {service}", f"logs/{service}.log", partial(_log, runtime, service))


def _log(runtime: Runtime, service: str) -> str:
    return runtime.logs(service, LOG_LINES)[-LOG_BYTES:]


def _settings(session: Session) -> dict[str, Any]:
    document = session.settings.model_dump(mode="json")
    for group, name in (("gateway", "provider_keys"), ("langfuse", "extra_env"), ("langfuse", "secret_env")):
        document[group][name] = dict.fromkeys(document[group][name], "…")
    return {"settings": document, "switches": [vars(switch) for switch in session.switches]}


def _machine() -> dict[str, Any]:
    disks = {"artifacts": decisions.place(), "state": state_dir()}
    free = {name: shutil.disk_usage(path).free for name, path in disks.items()}
    return {"python": platform.python_version(), "system": platform.platform(), "free_bytes": free}


def _images(session: Session) -> dict[str, Any]:
    from settings import images

    return {service: vars(image) for service, image in images(session.settings, session.environment).items()}


def _decisions() -> list[Any]:
    return [line.entry for line in decisions.lines(decisions.place())][-LAST_DECISIONS:]


def _gates(state: State) -> dict[str, Any]:
    shown = ("result", "checked_at", "evidence")
    return {
        entry["urn"].rpartition("::")[2]: {name: entry["outputs"].get(name) for name in shown}
        for entry in state.resources
        if "checked_at" in (entry.get("outputs") or {})
    }


def _findings(session: Session, state: State) -> str:
    """Which services do not answer the stack's own keys at this moment."""
    with access(session, state, partly=True) as to:
        return "\n".join(str(failure) for failure in causes(to)) or "every service answers its key"


def _write(root: Path, stack: str, files: Mapping[str, str]) -> Path:
    """The bundle, complete under its name or not there at all; readable by its owner only."""
    moment = datetime.now(UTC)
    name = f"{moment:%Y%m%dT%H%M%SZ}-{slugged(stack)}-{secrets.token_hex(3)}"
    path = root / INCIDENTS / f"{name}.tar.gz"
    part = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
                with tarfile.open(fileobj=raw, mode="w:gz") as archive:
                    for member, text in sorted(files.items()):
                        content = text.encode()
                        info = tarfile.TarInfo(f"{name}/{member}")
                        info.size, info.mode, info.mtime = len(content), 0o600, int(moment.timestamp())
                        archive.addfile(info, io.BytesIO(content))
                raw.flush()
                os.fsync(raw.fileno())
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    return path
