"""Where the measurements happen: state, settings, ports and instance of their own, all removed at the end."""

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import yaml

from ops.inventory import added, examined, for_instance, write
from ops.plan import UP, gated_plan, remember_applied
from ops.session import OpsError, Session, open_session
from ops.terminal import Console
from platforms.docker.labels import INSTANCE_LABEL
from policy.inventories import FOLDER_VARIABLE, path_of
from settings import load
from toolchain.report import Report
from toolchain.resolve import ResolvedImage, resolve

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OTHERS_STATE = ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
"""Variables that would lead to a state which is not the rig's own."""
PORTS = range(20000, 30000)
"""Below the range from which the system lends ports to outgoing connections."""
COMPOSE_PROJECT_LABEL = "com.docker.compose.project"


@dataclass
class Rig:
    """One machine's worth of measuring equipment. Make it with `assembled`."""

    folder: Path
    """Temporary; readable by its owner only."""
    instance: str
    session: Session
    """On the stack at hand; its environment is that of every engine call here."""
    images: Mapping[str, ResolvedImage]
    """Service to image."""
    _stacks: int = field(default=0)

    @property
    def extra_instance(self) -> str:
        """Instance of services that do not belong to the whole stack."""
        return f"{self.instance}-extra"

    def new_stack(self) -> None:
        """Turn to a stack that the backend has never seen."""
        self._stacks += 1
        name = f"bench{self._stacks}"
        self.session = Session(name, self.session.environment, self.session.config_file)
        self.session.create()
        usual = for_instance("local", self.instance, self.session.settings.langfuse_version)
        write(path_of(name), usual)
        if self.session.settings.monitored:
            write(path_of(name), added(usual, examined(self.session)[1]))

    def up(self) -> None:
        """What `make up` does with the engine on the stack at hand: gated preview, then the update if there is any."""
        if not gated_plan(self.session, Console(quiet=True)).is_done(self.session):
            self.run(self.session.with_config(*UP))
            remember_applied(self.session)

    def no_op_up(self) -> None:
        """The same where nothing changes.

        Raises:
            OpsError: something would change.
        """
        if not gated_plan(self.session, Console(quiet=True)).is_done(self.session):
            raise OpsError("the stack is not as the last `up` left it, so there is no no-op to measure")

    def run(self, argv: Sequence[str], cwd: Path = ROOT) -> None:
        """Run a command in the rig's environment, silently.

        Raises:
            OpsError: it failed, with what it said last.
        """
        ran = subprocess.run(
            argv,
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            raise OpsError(f"{' '.join(argv[:3])} failed:\n{ran.stdout[-3000:]}")

    @property
    def environment(self) -> dict[str, str]:
        """Of everything that is run here. Programs in folders of their own import the stack's classes from the root."""
        return {**os.environ, **self.session.environment, "PYTHONPATH": str(ROOT)}

    def clear(self) -> None:
        """Remove the rig's containers, networks and (throw-away) volumes, whoever of both sides made them."""
        instances = (self.instance, self.extra_instance)
        labels = [f"{INSTANCE_LABEL}={instance}" for instance in instances]
        for label in (*labels, f"{COMPOSE_PROJECT_LABEL}={self.instance}"):
            self._remove(label, ["ps", "--all"], ["rm", "--force", "--volumes"])
            self._remove(label, ["network", "ls"], ["network", "rm"])
            self._remove(label, ["volume", "ls"], ["volume", "rm"])

    def _remove(self, label: str, listing: Sequence[str], removal: Sequence[str]) -> None:
        ids = self.session.text(["docker", *listing, "--quiet", "--filter", f"label={label}"]).split()
        if ids:
            self.session.text(["docker", *removal, *ids])


@contextmanager
def assembled(**config: object) -> Iterator[Rig]:
    """A rig with the toolchain in place, taken apart again whatever happens, also when interrupted or terminated.

    Args:
        config: settings other than the usual ones, with `__` for the colon.

    Raises:
        ToolchainError: engine, plugins or Docker cannot be had.
    """
    users_images = Path(os.environ.get("LANGFUSE_STACK_IMAGES") or _users_state() / "images.json")
    folder = Path(tempfile.mkdtemp(prefix="langfuse-stack-bench-"))
    signal.signal(signal.SIGTERM, _interrupt)
    for name in OTHERS_STATE:
        os.environ.pop(name, None)
    os.environ["LANGFUSE_STACK_STATE"] = str(folder / "state")
    os.environ[FOLDER_VARIABLE] = str(folder / "inventory")
    os.environ["LANGFUSE_STACK_ARTIFACTS"] = str(folder / "artifacts")
    try:
        (folder / "state").mkdir(mode=0o700)
        if users_images.is_file():
            shutil.copy(users_images, folder / "state" / "images.json")
        instance = f"bench-{secrets.token_hex(4)}"
        session = open_session("bench", _settings_file(folder, instance, config))
        images = resolve(session.settings.image_references, Report())
        rig = Rig(folder, instance, session, images)
        try:
            yield rig
        finally:
            rig.clear()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _users_state() -> Path:
    from toolchain.paths import state_dir

    return state_dir()


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _settings_file(folder: Path, instance: str, config: Mapping[str, object]) -> Path:
    given = {name.replace("__", ":"): value for name, value in config.items()}
    published = load({name: str(value).lower() for name, value in given.items()}).published_ports
    ports = dict(zip(published, _free_ports(), strict=False))
    path = folder / "settings.yaml"
    document = {"config": {"langfuse-stack:instance": instance, **ports, **given}}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def _free_ports() -> Iterator[int]:
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                yield port
