"""`destroy`: removes a disposable stack with its data, by its typed name, and nothing of any other stack.

It goes around neither policy pack nor plan gate: the engine only takes containers and network away, as for `down`.
Volumes go by a label that Docker has kept since each was made, so that no setting makes an older one removable.
"""

from collections.abc import Sequence
from pathlib import Path

from ops import lifecycle
from ops.answer import answer
from ops.confirm import require_typed
from ops.evidence import recorded
from ops.recover import exclusive, recover
from ops.refused import refuse_command, refuse_options
from ops.runtime import docker_of
from ops.session import RefusedError, Session, open_session, settings_file
from ops.stackfile import forget_salt, read_config
from ops.state import read_state
from ops.terminal import Console
from platforms.docker.labels import DISPOSABLE_LABEL, OWNER_LABEL
from platforms.docker.runtime import DockerRuntime
from policy.inventories import path_of
from settings import load


def destroy(stack: str, config_file: Path | None, extra: Sequence[str], *, as_json: bool) -> None:
    """Remove the stack: containers, network, volumes, state, inventory. A killed run is finished by the next.

    Raises:
        OpsError: the stack is not disposable, a volume was made while it was not, data is somewhere else, or the
            typed name is wrong.
    """
    _require_disposable(stack, config_file)
    refuse_options(extra)
    console = Console(stderr=as_json)
    session = open_session(stack, config_file)
    docker = docker_of(session)
    if docker is None or not session.exists():
        raise RefusedError(f"there is no stack {stack}: nothing to destroy")
    _require_own_stores(session)
    volumes = _volumes(session, docker)
    _confirm(session, volumes, console)
    with recorded(session, "destroy", {"volumes": volumes}), exclusive(session):
        recover(session, console)
        if docker.containers() or docker.networks():
            lifecycle.converge(session, console, running=False)
        docker.remove_containers(docker.holders())
        docker.remove_volumes(_volumes(session, docker))
        session.text(session.argv("stack", "rm", "--yes", "--force", "--preserve-config"))
        forget_salt(session.name)
        path_of(session.name).unlink(missing_ok=True)
    console.print(
        f"Stack {stack} is gone with its data. Its settings, {session.config_file.name}, are kept: delete the file,\n"
        f"or put an empty stack up with `make inventory STACK={stack}` and `make up STACK={stack}`.",
    )
    if as_json:
        answer({"stack": stack, "volumes": volumes})


def _require_disposable(stack: str, config_file: Path | None) -> None:
    if not load(read_config(settings_file(stack, config_file))).stack.disposable:
        refuse_command("destroy")


def _require_own_stores(session: Session) -> None:
    elsewhere = session.settings.external
    if elsewhere:
        raise RefusedError(
            f"{', '.join(elsewhere)} of stack {session.stack} is somebody else's server, and what is there would stay: "
            "a stack with one cannot be destroyed"
        )


def _volumes(session: Session, docker: DockerRuntime) -> list[str]:
    """Names of the stack's volumes.

    Raises:
        RefusedError: one of them was not made by this stack while it was disposable.
    """
    state = read_state(session)
    named = docker.own_volumes()
    labels = docker.labels([*named, *state.volumes])
    kept = [
        name
        for name, said in labels.items()
        if said.get(DISPOSABLE_LABEL) != "true" or said.get(OWNER_LABEL) != (state.owner or "")
    ]
    if kept:
        raise RefusedError(
            f"{', '.join(kept)} was made by another stack, or before this one was disposable: nothing was touched. "
            "What a stack becomes is decided when it is made: `make new STACK=<name>`"
        )
    return sorted(labels)


def _confirm(session: Session, volumes: Sequence[str], console: Console) -> None:
    console.print(f"This removes stack [bold]{session.name}[/] with all of its data:")
    for volume in volumes:
        console.print(f"  volume {volume}")
    require_typed("stack", session.name, console)
