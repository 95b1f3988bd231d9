"""What must be true of this machine before anything is created or changed."""

from ops.adopt import refuse_unowned
from ops.former_replicas import refuse_former_replicas
from ops.ports import is_free
from ops.runtime import docker_of, runtime_of
from ops.session import RefusedError, Session
from ops.state import State
from platforms.docker.client import Docker
from platforms.docker.runtime import DockerRuntime
from settings import Settings, images, only_here, refused_by_fly

MACHINES = "amd64"
"""What Fly's machines are."""


def preflight(session: Session, state: State) -> None:
    """Look for lost and strangers' volumes, taken ports, a full disk; for Fly, for its command line and usable images.

    Args:
        session: the stack.
        state: what it knows.

    Raises:
        RefusedError: lists everything that is in the way, with the setting that moves it.
    """
    unready, docker = runtime_of(session, state).unready(), docker_of(session)
    if docker:
        problems = [*_volumes(session, docker, state), *_taken_ports(session, docker), *unready]
    else:
        problems = [*unready, *_images_it_cannot_run(session)]
    if not problems and session.settings.is_shared:
        refuse_former_replicas(session, state)
        refuse_unowned(session, state)
    if problems:
        raise RefusedError("this machine is not ready:\n" + "\n".join(f"  - {problem}" for problem in problems))


def _images_it_cannot_run(session: Session) -> list[str]:
    found = images(session.settings, session.environment)
    refused = refused_by_fly(session.settings, found)
    if refused:
        return [refused]
    local = only_here(session.settings, found)
    seen = Docker(session.variables).inspect("image", *(image.image for image in local.values()))
    built_for = {image.image: str(entry["Architecture"]) for image, entry in zip(local.values(), seen, strict=True)}
    return [
        f"the image of {service} is built for {built_for[image.image]}, and Fly's machines are {MACHINES}: "
        "build it on such a machine, or name one that a registry serves"
        for service, image in local.items()
        if built_for[image.image] != MACHINES
    ]


def _volumes(session: Session, docker: DockerRuntime, state: State) -> list[str]:
    """Docker makes a volume that is asked for, and hands one that exists to whoever asks: both without a word."""
    there = docker.volumes()
    wanted = _declared(session.settings) - state.volumes
    lost = [
        f"volume {name} was present, now missing: bring it back from a backup before anything else, since Docker would "
        "make an empty one (docs/data-safety.md, Another or an empty store)"
        for name in sorted(state.volumes - there.keys())
    ]
    strangers = [
        f"volume {name} is another stack's, or this one's from before its state was lost: its data would meet other "
        "passwords and keys. Put the state folder back, or give this stack a name of its own "
        "(`pulumi config set instance <name>`)"
        for name in sorted(wanted & there.keys())
        if state.owner is None or there[name] != state.owner
    ]
    return [*lost, *strangers]


def _declared(settings: Settings) -> set[str]:
    from components.clickhouse_cluster import KEEPERS

    servers, keepers = settings.cluster_volumes(KEEPERS)
    return {*(settings.volume(store) for store in (*settings.stores, "relay")), *servers, *keepers}


def _taken_ports(session: Session, docker: DockerRuntime) -> list[str]:
    ours = {port for container in docker.containers() for port in container.ports}
    return [
        f"port {port} is in use: stop what listens there, or `pulumi config set {setting} <free port>`"
        for setting, port in session.settings.published_ports.items()
        if port not in ours and not is_free(port)
    ]
