"""Clears away what an interrupted run left behind, so that the next one can start.

That is a lock, unfinished operations, and containers and networks that the state never heard of. None of these holds
data; volumes are not looked at.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rich.console import Console

from ops import docker
from ops.session import MARK_VARIABLE, OpsError, RefusedError, Session
from ops.state import CONTAINER, NETWORK, State, read_state
from toolchain.paths import state_dir

PROVIDER = "pulumi-resource-pulumi-python"


@contextlib.contextmanager
def exclusive(session: Session) -> Iterator[None]:
    """Let only one run change the stack at a time.

    Raises:
        RefusedError: another run is at it, with its process id.
    """
    path = state_dir() / f"{session.name}.lock"
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            owner = handle.read().strip() or "unknown"
            raise RefusedError(
                f"another run (process {owner}) is changing stack {session.stack}: wait until it is done"
            ) from None
        handle.seek(0)
        handle.truncate()
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def recover(session: Session, console: Console) -> None:
    """Clear away what an interrupted run left; says what it cleared. Call it inside `exclusive`.

    Raises:
        OpsError: containers of the same instance belong to another stack.
    """
    _release_stale_lock(session, console)
    _end_orphaned_providers(session)
    state = read_state(session)
    if state.pending:
        _forget_pending(session, state, console)
    if session.settings.stack.platform == "docker":
        _remove_orphans(session, state, console)


def _release_stale_lock(session: Session, console: Console) -> None:
    """The file backend keeps a lock file; the run that made it may be dead."""
    backend = urlsplit(session.environment.get("PULUMI_BACKEND_URL", ""))
    if backend.scheme != "file":
        return
    locks = Path(unquote(backend.path)) / ".pulumi" / "locks" / "organization"
    for path in locks.glob(f"*/{session.name}/*.json"):
        lock = json.loads(path.read_text(encoding="utf-8"))
        if lock.get("hostname") == socket.gethostname() and not _engine_runs(int(lock["pid"])):
            session.text(session.argv("cancel", "--yes"))
            console.print("[yellow]recovered[/] the lock of a run that was killed")
            return


def _engine_runs(pid: int) -> bool:
    """Whether `pid` is a living engine; a dead one may linger as a zombie, or its number be somebody else's by now."""
    import psutil

    try:
        process = psutil.Process(pid)
        return "pulumi" in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _end_orphaned_providers(session: Session) -> None:
    """End the check providers of this stack's killed engines, which do not notice by themselves that theirs is gone.

    Those of another stack, folder, clone or person are left alone: a provider has the mark of the run that started it.
    """
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            is_provider = any(PROVIDER in Path(word).name for word in process.cmdline())
            if (
                is_provider
                and process.environ().get(MARK_VARIABLE) == session.mark
                and not _engine_runs(process.ppid())
                and process.is_running()
            ):
                os.killpg(process.pid, signal.SIGTERM)


def _forget_pending(session: Session, state: State, console: Console) -> None:
    """Everything this program creates is adopted or removed when it is found again, so nothing has to be remembered."""
    names = ", ".join(entry["resource"]["urn"].rpartition("::")[2] for entry in state.pending)
    deployment = {**state.export["deployment"]}
    deployment.pop("pending_operations")
    session.text(session.argv("stack", "import"), stdin=json.dumps({**state.export, "deployment": deployment}))
    console.print(f"[yellow]recovered[/] unfinished operations of an interrupted run: {names}")


def _remove_orphans(session: Session, state: State, console: Console) -> None:
    found = docker.containers(session)
    known = state.ids(CONTAINER)
    orphans = [container for container in found if container.id not in known]
    networks = {
        network: owner for network, owner in docker.networks(session).items() if network not in state.ids(NETWORK)
    }
    if not orphans and not networks:
        return
    owner = state.owner
    strangers = [container.name for container in orphans if container.owner != owner]
    if strangers or any(label != owner for label in networks.values()):
        instance = session.settings.stack.instance
        raise OpsError(
            f"another stack uses the instance name {instance} here ({', '.join(strangers) or 'its network'}): "
            f"give this one its own (`pulumi config set instance <name>`), or bring the other one down"
        )
    docker.remove_containers(session, [container.id for container in orphans])
    docker.remove_networks(session, list(networks))
    names = [container.name for container in orphans] + ["its network"] * bool(networks)
    console.print(f"[yellow]recovered[/] from an interrupted run, started again below: {', '.join(names)}")
