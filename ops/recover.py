"""Clears away what an interrupted run left behind, so that the next one can start.

That is a lock, unfinished operations, and containers and networks that the state never heard of. None of these holds
data; volumes are not looked at.
"""

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.engine_locks import engine_runs, lock_folder, locks
from ops.runtime import docker_of
from ops.session import MARK_VARIABLE, OpsError, RefusedError, Session
from ops.state import NETWORK, State, read_state
from ops.terminal import Console
from ops.workers import tell_of_killed
from platforms.docker.runtime import CONTAINER, DockerRuntime, missing
from platforms.docker.runtime import Container as Made
from settings import refused_backend
from toolchain.paths import state_dir

PROVIDER = "pulumi-resource-pulumi-python"


@contextlib.contextmanager
def exclusive(session: Session) -> Iterator[None]:
    """Let only one run change the stack at a time, and none whose state others cannot see.

    What runs on other machines is kept apart by the lock that the engine has in a shared backend.

    Raises:
        RefusedError: another run is at it, with its process id; or the state may not live where it does.
    """
    if refused := refused_backend(session.settings, session.environment.get("PULUMI_BACKEND_URL")):
        raise RefusedError(refused)
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


def recover(session: Session, console: Console) -> State:
    """Clear away what an interrupted run left; says what it cleared. Call it inside `exclusive`.

    Returns:
        The state as it was found; containers that are gone may be out of it since.

    Raises:
        OpsError: containers of the same instance belong to another stack.
    """
    _release_stale_lock(session, console)
    _end_orphaned_providers(session)
    # Looked at before the state: what a run on another machine is making by then is in the state, or pending there.
    docker = docker_of(session)
    found = (docker.containers(), docker.networks()) if docker else None
    state = read_state(session)
    if state.pending:
        _forget_pending(session, state, console)
    if docker and found:
        stopped = {entry.service: entry.exit_code for entry in found[0] if entry.state == "exited"}
        tell_of_killed(stopped, console)
        _remove_orphans(docker, state, *found, console)
        _forget_missing(session, docker, state, found[0], console)
    return state


def _release_stale_lock(session: Session, console: Console) -> None:
    """The file backend keeps a lock file; the run that made it may be dead."""
    folder = lock_folder(session.environment)
    if folder and any(lock.is_stale for lock in locks(folder, session.name)):
        session.text(session.argv("cancel", "--yes"))
        console.print("[yellow]recovered[/] the lock of a run that was killed")


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
                and not engine_runs(process.ppid())
                and process.is_running()
            ):
                os.killpg(process.pid, signal.SIGTERM)


def _forget_pending(session: Session, state: State, console: Console) -> None:
    """Everything this program creates is adopted or removed when it is found again, so nothing has to be remembered.

    Raises:
        OpsError: they are those of a run that goes on, perhaps on another machine: the engine holds its lock.
    """
    names = ", ".join(entry["resource"]["urn"].rpartition("::")[2] for entry in state.pending)
    deployment = {**state.export["deployment"]}
    deployment.pop("pending_operations")
    session.text(session.argv("stack", "import"), stdin=json.dumps({**state.export, "deployment": deployment}))
    console.print(f"[yellow]recovered[/] unfinished operations of an interrupted run: {names}")


def _forget_missing(
    session: Session, docker: DockerRuntime, state: State, containers: Sequence[Made], console: Console
) -> None:
    """Take containers that are gone out of the state, so that the run makes them again; they hold no data.

    Where volumes are gone too, this may be another machine's Docker: nothing is forgotten, and the run refused later.
    """
    gone = {str(entry["urn"]): str(entry["outputs"]["name"]) for entry in missing(state.resources, containers)}
    if not gone or state.volumes - docker.volumes().keys():
        return
    kept = [_without(entry, gone) for entry in state.resources if entry["urn"] not in gone]
    deployment = {**state.export["deployment"], "resources": kept}
    deployment.pop("pending_operations", None)
    session.text(session.argv("stack", "import"), stdin=json.dumps({**state.export, "deployment": deployment}))
    names = ", ".join(gone.values())
    console.print(f"[yellow]missing[/] since the last run, made again below: {names}")


def _without(entry: Mapping[str, Any], urns: Container[str]) -> dict[str, Any]:
    """A resource that depends on none of `urns` any more."""
    by_property = entry.get("propertyDependencies") or {}
    return {
        **entry,
        "dependencies": [urn for urn in entry.get("dependencies") or [] if urn not in urns],
        "propertyDependencies": {
            name: [urn for urn in found or [] if urn not in urns] for name, found in by_property.items()
        },
    }


def _remove_orphans(
    docker: DockerRuntime,
    state: State,
    containers: Sequence[Made],
    owners: Mapping[str, str | None],
    console: Console,
) -> None:
    known = state.ids(CONTAINER)
    orphans = [container for container in containers if container.id not in known]
    networks = {network: owner for network, owner in owners.items() if network not in state.ids(NETWORK)}
    if not orphans and not networks:
        return
    owner = state.owner
    strangers = [container.name for container in orphans if container.owner != owner]
    if strangers or any(label != owner for label in networks.values()):
        raise OpsError(
            f"another stack uses the instance name {docker.instance} here ({', '.join(strangers) or 'its network'}): "
            f"give this one its own (`pulumi config set instance <name>`), or bring the other one down"
        )
    docker.remove_containers([container.id for container in orphans])
    docker.remove_networks(list(networks))
    names = [container.name for container in orphans] + ["its network"] * bool(networks)
    console.print(f"[yellow]recovered[/] from an interrupted run, started again below: {', '.join(names)}")
