"""Runs that leave evidence: each opens a folder, everything below writes into it, and its end seals it."""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evidence import FOLDER_VARIABLE, MANIFEST, EvidenceError, now, record, slugged, unwritable, write_once
from ops import decisions
from ops.decisions import Action
from ops.run_folder import hold, read, seal, unsealed
from ops.session import OpsError, RefusedError, Session
from ops.terminal import Console
from platforms.errors import PlatformError
from settings import SettingsError, images

LEAST_FREE_MB = 16
START, END = "start.json", "end.json"


@dataclass
class Run:
    """One recorded run.

    Args:
        folder: where its evidence goes.
        action: what the decision log will say that was done.
        facts: what the decision log shall say besides, free of secrets; a run adds to it.
    """

    folder: Path
    action: Action
    facts: dict[str, Any] = field(default_factory=dict)


def transcribed(name: str, argv: Sequence[str], call: Callable[[Sequence[str]], int]) -> int:
    """Exit code of a command whose output the operator sees, with a record of it in the run at hand.

    Args:
        name: what it does.
        argv: of the command; free of secrets.
        call: runs it and returns its exit code.

    Raises:
        EvidenceError: the record cannot be written.
    """
    started, clock = now(), time.monotonic()
    code = call(argv)
    seconds = round(time.monotonic() - clock, 3)
    record("command", name, {"argv": list(argv), "exit_code": code, "seconds": seconds, "started": started})
    return code


@contextlib.contextmanager
def recorded(session: Session, action: Action, facts: Mapping[str, Any] | None = None) -> Iterator[Run]:
    """Open a run's folder before anything is done, and seal it whatever happens.

    Seals what killed runs left, too, and says so.

    Args:
        session: the stack.
        action: what is about to be done.
        facts: what is known of it beforehand, free of secrets.

    Raises:
        EvidenceError: evidence cannot be kept, so nothing may be done, or what was done is not proven.
    """
    root = ready(decisions.place())
    for killed in seal_interrupted(root):
        Console(stderr=True).print(f"[yellow]a run was cut short[/]; its evidence is sealed now: {killed}")
    known = {**_described(session), **(facts or {})}
    with _opened(root, session.stack, action, known) as run:
        outer = os.environ.get(FOLDER_VARIABLE)
        os.environ[FOLDER_VARIABLE] = str(run.folder)
        try:
            yield run
        except BaseException as failure:
            if isinstance(failure, RefusedError):
                run.action = "refused"
            _close(root, run, _result(failure), _told(failure))
            raise
        else:
            _close(root, run, "ok", "")
        finally:
            if outer is None:
                del os.environ[FOLDER_VARIABLE]
            else:
                os.environ[FOLDER_VARIABLE] = outer


def ready(root: Path) -> Path:
    """The folder `root`, made when absent, with room for a run's evidence.

    Raises:
        EvidenceError: it cannot be made, or its disk is full.
    """
    try:
        for folder in reversed([root, *root.parents]):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        free = shutil.disk_usage(root).free / 1e6
    except OSError as error:
        raise unwritable(root, error) from error
    if free < LEAST_FREE_MB:
        raise EvidenceError(
            f"{root} has {free:.1f} MB left, and evidence needs {LEAST_FREE_MB} MB: free space there, or set "
            f"{decisions.PLACE_VARIABLE} to a folder with room. Nothing was done"
        )
    return root


def seal_interrupted(root: Path) -> list[Path]:
    """Seal the folder of every run that ended without doing so itself; those that still run are left alone.

    Raises:
        EvidenceError: a manifest cannot be written.
    """
    sealed = []
    for folder in unsealed(root):
        with hold(folder) as alone:
            if alone and not (folder / MANIFEST).exists():
                (action, facts), ended = _begun(folder), read(folder / END)
                seal(root, folder, action, ended.get("result", "interrupted"), facts)
                sealed.append(folder)
    return sealed


@contextlib.contextmanager
def _opened(root: Path, stack: str, action: Action, facts: Mapping[str, Any]) -> Iterator[Run]:
    """A new folder, which this process holds locked for as long as it lives: so others tell it from a killed run's."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{moment}-{slugged(stack)}-{secrets.token_hex(3)}"
    hidden = root / f".{name}"
    try:
        hidden.mkdir(mode=0o700)
    except OSError as error:
        raise unwritable(hidden, error) from error
    try:
        with hold(hidden):
            begun = {"action": action, "stack": stack, "who": decisions.operator(), "pid": os.getpid(), **facts}
            write_once(hidden / START, {"kind": "run", "name": "start", "at": now(), **begun})
            folder = hidden.rename(root / name)
            yield Run(folder, action, dict(facts))
    finally:
        if hidden.exists():
            shutil.rmtree(hidden)


def _close(root: Path, run: Run, result: str, message: str) -> None:
    write_once(run.folder / END, {"kind": "run", "name": "end", "at": now(), "result": result, "message": message})
    seal(root, run.folder, run.action, result, run.facts)


def _begun(folder: Path) -> tuple[Action, dict[str, Any]]:
    """What a killed run was about to do."""
    start = read(folder / START)
    wanted = ("stack", "release", "images", "switches", "who")
    action: Action = start.get("action", "langfuse_self_host_executed")
    return action, {name: start[name] for name in wanted if name in start}


def _described(session: Session) -> dict[str, Any]:
    """What the run is about, as far as it is known already."""
    settings = session.settings
    try:
        resolved = {service: image.image for service, image in images(settings, session.environment).items()}
    except SettingsError:
        resolved = {}
    switched = {switch.key: switch.value for switch in session.switches}
    return {"stack": session.stack, "release": settings.langfuse_version, "images": resolved, "switches": switched}


def _result(failure: BaseException) -> str:
    if isinstance(failure, KeyboardInterrupt):
        return "interrupted"
    return "ok" if isinstance(failure, SystemExit) and not failure.code else "failed"


def _told(failure: BaseException) -> str:
    """What the operator was told; an unexpected error may quote anything, so only its kind is kept."""
    shown = OpsError | PlatformError | EvidenceError | SystemExit
    return str(failure) if isinstance(failure, shown) else type(failure).__name__
