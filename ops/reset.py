"""`clickhouse-reset`: the one way to empty a volume. Local Docker only, by its typed name, after a verified copy."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from ops import lifecycle, report
from ops.answer import answer
from ops.confirm import require_typed
from ops.evidence import recorded
from ops.recover import exclusive, recover
from ops.runtime import docker_of
from ops.session import RefusedError, open_session
from ops.state import read_state
from ops.terminal import Console
from platforms.docker.runtime import DockerRuntime
from platforms.errors import PlatformError

if TYPE_CHECKING:
    from toolchain.resolve import ResolvedImage

SCRIPTS = Path(__file__).with_name("scripts")
VOLUME = "clickhouse-data"
SHORTEST_DIGEST = 12


def reset(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """Empty the local ClickHouse and put the stack up again; everything else stays.

    A run that is killed is finished by the next, which makes a copy of its own; a finished copy is never touched.

    Raises:
        OpsError: another platform, a wrong name, no room for the copy, or the copy differs.
    """
    console = Console(stderr=as_json)
    session = open_session(stack, config_file)
    docker = docker_of(session)
    if docker is None:
        raise RefusedError(
            f"clickhouse-reset works on the local Docker platform only, and stack {stack} is on "
            f"{session.settings.stack.platform}: nothing was touched"
        )
    if "clickhouse" in session.settings.external:
        raise RefusedError(f"ClickHouse of stack {stack} is somebody else's (clickhouse:place): nothing was touched")
    if session.settings.clickhouse.clustered:
        raise RefusedError(
            f"clickhouse-reset empties the volume of a single server, and ClickHouse of stack {stack} is a "
            "cluster: take another langfuse-stack:instance for an empty one; nothing was touched"
        )
    if not session.exists():
        raise RefusedError(f"there is no stack {stack}: nothing to reset")
    volume = str(read_state(session).output(VOLUME, "name"))
    _confirm(volume, console)
    images = report.resolve_images(session, console)
    with recorded(session, "reset") as run, exclusive(session):
        recover(session, console)
        lifecycle.converge(session, console, running=False)
        _require_unused(docker, volume)
        backup = run.facts["backup"] = _back_up(docker, volume, images["clickhouse"], console)
        _script(docker, "empty_clickhouse", images["clickhouse"], f"{volume}:/data")
    console.print(f"{volume} is empty; its content is in [bold]{backup}[/]. Putting the stack up again.")
    done = lifecycle.put_up(open_session(stack, config_file), console)
    if as_json:
        answer({"emptied": volume, "backup": backup, **done})


def _confirm(volume: str, console: Console) -> None:
    console.print(
        f"This empties [bold]{volume}[/]: every trace, observation and score in ClickHouse. A copy is made first."
    )
    require_typed("volume", volume, console)


def _require_unused(docker: DockerRuntime, volume: str) -> None:
    users = docker.cli("ps", f"--filter=volume={volume}", "--format={{.Names}}").split()
    if users:
        raise RefusedError(f"{volume} is still in use by {', '.join(users)}: stop it first; nothing was touched")


def _back_up(docker: DockerRuntime, volume: str, image: "ResolvedImage", console: Console) -> str:
    backup = f"{volume}_backup_{dt.datetime.now(tz=dt.UTC):%Y%m%dT%H%M%SZ}"
    if docker.cli.ids("volume", f"name=^{backup}$"):
        raise RefusedError(f"{backup} exists already: wait a second and run again; nothing was touched")
    labels = docker.labels([volume])[volume]
    options = [f"--label={name}={value}" for name, value in labels.items()]
    docker.cli("volume", "create", *options, backup)
    console.print(f"copying {volume} to {backup} and comparing both …")
    try:
        files, _, digest, _ = _script(docker, "copy_volume", image, f"{volume}:/from:ro", f"{backup}:/to").split()
    except PlatformError:
        docker.remove_volumes([backup])
        raise
    console.print(f"{backup} holds the same {files} files (sha256 {digest[:SHORTEST_DIGEST]}…)")
    return backup


def _script(docker: DockerRuntime, name: str, image: "ResolvedImage", *mounts: str) -> str:
    """Run a script of this folder as root in a container that sees nothing but volumes."""
    volumes = [f"--volume={mount}" for mount in mounts]
    isolated = ["--rm", "--interactive", "--network=none", "--user=0:0", "--entrypoint=sh"]
    script = (SCRIPTS / f"{name}.sh").read_text(encoding="utf-8")
    return docker.cli("run", *isolated, *volumes, image.image, "-s", stdin=script)
