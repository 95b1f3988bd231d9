"""`backup`, `restore` and `rehearse` as the operator calls them: progress, tables at 80 columns, JSON, exit codes."""

import contextlib
import fcntl
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.answer import answer
from ops.backup import schedule as schedules
from ops.backup import show
from ops.backup.access import access
from ops.backup.catalog import entries, named
from ops.backup.make import back_up
from ops.backup.rehearse import rehearse as run_rehearsal
from ops.backup.restore import restore as run_restore
from ops.backup.schedule import Scheduler
from ops.backup.verify import problems
from ops.evidence import recorded
from ops.session import RefusedError, Session, open_session
from ops.terminal import Console, waiting
from toolchain.paths import state_dir

Progress = Callable[[str], None]


def backup(stack: str, config_file: Path | None, *, incremental: bool, as_json: bool) -> None:
    """Make a backup and record it.

    Raises:
        OpsError: something failed; nothing is listed as a backup then.
    """
    session = open_session(stack, config_file)
    console = Console(stderr=as_json)
    with recorded(session, "backup") as run, access(session) as to, waiting.on("the stores") as progress:
        made = back_up(to, incremental=incremental, progress=progress)
        run.facts["backup"] = {"id": made.id, "kind": made.kind, "base": made.base, "bytes": made.size}
    if incremental and not made.base:
        console.print("There was no backup to build on, so this one is full.")
    _print(made.model_dump(mode="json"), as_json=as_json, human=lambda: show.made(made, console))


def listed(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """Show which backups there are; exits 1 when the manifest of one is damaged.

    Raises:
        OpsError: the store does not answer.
    """
    with access(open_session(stack, config_file)) as to:
        found = entries(to.store)
    document = [
        {
            "id": entry.id,
            "finished": bool(entry.manifest),
            "damaged": entry.damaged or None,
            "manifest": _dumped(entry.manifest),
        }
        for entry in found
    ]
    _print({"backups": document}, as_json=as_json, human=lambda: show.listing(found, Console()))
    if any(entry.damaged for entry in found):
        sys.exit(1)


def verify(stack: str, config_file: Path | None, *, backup: str | None, read_data: bool, as_json: bool) -> None:
    """See whether a backup is as it was written; exits 1 and names each object that is not.

    Raises:
        OpsError: there is no such backup, or the store does not answer.
    """
    console = Console(stderr=as_json)
    with access(open_session(stack, config_file)) as to, waiting.on("the stores") as progress:
        manifest = named(to.store, backup)
        found = problems(to.store, manifest, read_data=read_data, progress=progress)
    document = {"backup": manifest.id, "intact": not found, "read_data": read_data, "problems": found}
    _print(document, as_json=as_json, human=lambda: show.verified(manifest, found, console, read_data=read_data))
    if found:
        sys.exit(1)


def restore(stack: str, config_file: Path | None, *, into: str, backup: str | None, as_json: bool) -> None:
    """Restore a backup under a new name; exits 1 when a table differs.

    Raises:
        OpsError: the name is taken, the backup is damaged, or it could not be restored.
    """
    session = open_session(stack, config_file)
    console = Console(stderr=as_json)
    with (
        recorded(session, "restore", {"into": into}) as run,
        access(session) as to,
        waiting.on("the stores") as progress,
    ):
        manifest = named(to.store, backup)
        run.facts["backup"] = manifest.id
        compared = run_restore(to, manifest, into, progress)
        differing = [entry for entry in compared if not entry.same]
        if differing:
            run.facts["differs"] = [f"{entry.store} {entry.table}" for entry in differing]
    document = {"backup": manifest.id, "into": into, "same": not differing, "tables": _tables(compared)}
    _print(document, as_json=as_json, human=lambda: show.restored(manifest, into, compared, console))
    if differing:
        sys.exit(1)


def rehearse(stack: str, config_file: Path | None, *, backup: str | None, as_json: bool) -> None:
    """Restore a backup into throw-away servers and prove it; exits 1 when something is not as it was.

    Raises:
        OpsError: it could not be restored.
    """
    session = open_session(stack, config_file)
    console = Console(stderr=as_json)
    with (
        recorded(session, "rehearse") as run,
        alone(session),
        access(session) as to,
        waiting.on("the stores") as progress,
    ):
        manifest = named(to.store, backup)
        done = run_rehearsal(to, manifest, progress)
        run.facts |= {
            "backup": manifest.id,
            "same": done.ok,
            "rpo_seconds": round(done.rpo_seconds),
            "rto_seconds": round(done.rto_seconds, 1),
        }
    document = {
        "backup": manifest.id,
        "ok": done.ok,
        "rpo_seconds": round(done.rpo_seconds),
        "rto_seconds": round(done.rto_seconds, 1),
        "steps": [{"step": name, "seconds": round(seconds, 2), "seen": seen} for name, seconds, seen in done.steps],
        "tables": _tables(done.compared),
        "findings": done.findings,
        "removed": done.removed,
    }
    _print(document, as_json=as_json, human=lambda: show.rehearsed(done, console))
    if not done.ok:
        sys.exit(1)


def schedule(stack: str, config_file: Path | None, scheduler: Scheduler, folder: Path | None, *, as_json: bool) -> None:
    """Print the files of a nightly backup, or write them to a folder; nothing is installed.

    Raises:
        OpsError: a file is there already.
    """
    files = schedules.rendered(scheduler, stack, config_file)
    written = [] if folder is None else [str(path) for path in schedules.write(files, folder)]
    if as_json:
        answer({"files": files, "written": written, "install": schedules.INSTALL[scheduler]})
    elif folder is None:
        sys.stdout.write("\n".join(f"# {name}\n{text}" for name, text in files.items()))
    else:
        sys.stdout.writelines(f"{path}\n" for path in written)
    sys.stderr.write(f"nothing is installed; {schedules.INSTALL[scheduler]}\n")


@contextlib.contextmanager
def alone(session: Session) -> Iterator[None]:
    """One rehearsal of a stack at a time, so that what another left is known to be left."""
    with (state_dir() / f"{session.name}.rehearsal.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(
                f"another rehearsal of stack {session.stack} is under way: wait until it is done"
            ) from None
        yield


def _print(document: Mapping[str, Any], *, as_json: bool, human: Callable[[], None]) -> None:
    if as_json:
        answer(document)
    else:
        human()


def _tables(compared: list[Any]) -> list[dict[str, Any]]:
    return [
        {
            "store": entry.store,
            "table": entry.table,
            "same": entry.same,
            "backed_up": _dumped(entry.wanted),
            "restored": _dumped(entry.found),
        }
        for entry in compared
    ]


def _dumped(record: Any) -> Any:
    return record.model_dump(mode="json") if record is not None else None
