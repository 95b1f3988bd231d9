"""What must be true of this machine before anything is created or changed."""

import shutil
import socket
from pathlib import Path

from ops import docker
from ops.session import RefusedError, Session
from ops.state import read_state

LEAST_FREE_GB = 2


def preflight(session: Session) -> None:
    """Look for lost volumes, taken ports and a full disk; for a stack elsewhere, for the command line that reaches it.

    Raises:
        RefusedError: lists everything that is in the way, with the setting that moves it.
    """
    if session.settings.stack.platform == "fly":
        problems = _missing_command_line(session)
    else:
        problems = [*_lost_volumes(session), *_taken_ports(session), *_full_disk(session)]
    if problems:
        raise RefusedError("this machine is not ready:\n" + "\n".join(f"  - {problem}" for problem in problems))


def _missing_command_line(session: Session) -> list[str]:
    if shutil.which("fly", path=session.environment.get("PATH")):
        return []
    return ["there is no `fly` on the PATH: install Fly's command line, and log in with `fly auth login`"]


def _lost_volumes(session: Session) -> list[str]:
    """Docker makes a volume that a container asks for: a lost one would come back empty, without a word."""
    return [
        f"volume {name} was present, now missing: bring it back from a backup before anything else, since Docker would "
        "make an empty one (docs/data-safety.md, Another or an empty store)"
        for name in sorted(read_state(session).volumes - docker.volumes(session))
    ]


def _taken_ports(session: Session) -> list[str]:
    ours = {port for container in docker.containers(session) for port in container.ports}
    return [
        f"port {port} is in use: stop what listens there, or `pulumi config set {setting} <free port>`"
        for setting, port in session.settings.published_ports.items()
        if port not in ours and not _free(port)
    ]


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _full_disk(session: Session) -> list[str]:
    root = session.text(["docker", "info", "--format", "{{.DockerRootDir}}"]).strip()
    if not Path(root).exists():
        return []
    free = shutil.disk_usage(root).free / 1e9
    return [f"{root} has {free:.1f} GB left: free at least {LEAST_FREE_GB} GB"] if free < LEAST_FREE_GB else []
