"""A whole stack of its own for tests: own state, own ports, own instance name, removed afterwards."""

import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from components.releases import RELEASES
from offline.images.catalog import OLD_CLICKHOUSE
from ops.inventory import for_instance, write
from platforms.docker.labels import HOLDER_LABEL, INSTANCE_LABEL
from policy.inventories import FOLDER_VARIABLE
from settings import load

ROOT = Path(__file__).resolve().parents[2]
REGISTERED = len(json.loads((ROOT / "tests" / "unit" / "registered.json").read_text()))
"""Resources of a local stack."""
UP_SECONDS = 1800
"""The first run on a machine builds every image."""


@dataclass(frozen=True)
class Run:
    """A finished command."""

    code: int
    output: str
    """Standard output and error together."""

    @property
    def json(self) -> Any:
        """The JSON document that ends the output."""
        return json.loads(self.output[self.output.index("{") :])


def in_shell(environment: Mapping[str, str], *argv: str) -> Run:
    """Run a plain command in the environment that `make shell` prints, on top of `environment`."""
    exports = subprocess.run(
        [sys.executable, "-m", "toolchain", "shell"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    result = subprocess.run(
        ["bash", "-euc", 'eval "$1"; shift; exec "$@"', "shell", exports, *argv],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(result.returncode, result.stdout)


@dataclass(frozen=True)
class Answer:
    """A finished command that was called by a script."""

    code: int
    document: Any
    """The one JSON document on standard output."""
    said: str
    """Standard error."""


class Driven:
    """Something that is driven by the commands that an operator uses."""

    @property
    def environment(self) -> dict[str, str]:
        """What the commands run in."""
        raise NotImplementedError

    def ops(self, *arguments: str, seconds: float = UP_SECONDS, **environment: str) -> Run:
        """Run `python -m ops …` to its end; `environment` on top of its own."""
        with self.started(*arguments, **environment) as process:
            output, _ = process.communicate(timeout=seconds)
            return Run(process.returncode, output)

    @contextmanager
    def started(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Run `python -m ops …` in a session of its own, which is killed if it is still there at the end."""
        with subprocess.Popen(
            [sys.executable, "-m", "ops", *arguments],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Somebody who runs the tests in the background hands down an ignored interrupt.
            preexec_fn=_heed_interrupts,  # noqa: PLW1509 - it only sets a signal
        ) as process:
            try:
                yield process
            finally:
                kill(process)

    def script(self, *arguments: str) -> Answer:
        """Run `python -m ops … --json` as a script does, which reads standard output alone."""
        argv = [sys.executable, "-m", "ops", *arguments, "--json"]
        ran = subprocess.run(
            argv, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=UP_SECONDS, check=False
        )
        return Answer(ran.returncode, json.loads(ran.stdout), ran.stderr)

    def shell(self, *argv: str) -> Run:
        """Run a plain command in the environment that `make shell` prints."""
        return in_shell(self.environment, *argv)


def kill(process: "subprocess.Popen[str]") -> None:
    """Kill a started command with its engine and plugins, which have process groups of their own in its session."""
    subprocess.run(["pkill", "-KILL", "--session", str(process.pid)], check=False)


@dataclass(frozen=True)
class TestStack(Driven):
    """One stack on Docker."""

    __test__ = False
    folder: Path
    instance: str
    config: dict[str, Any]
    variables: dict[str, str] = field(default_factory=dict)
    """Further variables that the commands run in."""

    @property
    def config_file(self) -> Path:
        return self.folder / "settings.yaml"

    @property
    def environment(self) -> dict[str, str]:
        """What the commands run in: the caller's environment, with a state folder and settings of its own."""
        return {
            **os.environ,
            "LANGFUSE_STACK_STATE": str(self.folder / "state"),
            FOLDER_VARIABLE: str(self.folder / "inventory"),
            "LANGFUSE_STACK_ARTIFACTS": str(self.folder / "artifacts"),
            "CONFIG_FILE": str(self.config_file),
            "STACK": "test",
            **self.variables,
        }

    def run_on_an_old_clickhouse(self) -> None:
        """From now on have a stand-in that runs on a ClickHouse older than its release asks for."""
        self.variables[OLD_CLICKHOUSE] = "true"

    def configure(self, **changes: Any) -> None:
        """Write the settings file, and the inventory that goes with it; keys are given with `__` for the colon."""
        self.config.update({key.replace("__", ":"): value for key, value in changes.items()})
        self.config_file.write_text(yaml.safe_dump({"config": self.config}))
        version = RELEASES[self.config.get("langfuse:release", "3")].version
        write(self.folder / "inventory" / "test.json", for_instance("local", self.instance, version))

    def docker(self, *arguments: str) -> str:
        return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()

    def container(self, service: str) -> str:
        return f"{self.instance}-{service}"

    def names(self, kind: str) -> list[str]:
        """Names of this stack's containers, volumes or networks."""
        everything = {"container": ["ps", "--all"], "volume": ["volume", "ls"], "network": ["network", "ls"]}[kind]
        field = "{{.Names}}" if kind == "container" else "{{.Name}}"
        return sorted(self.docker(*everything, "--filter", self.label, "--format", field).split())

    @property
    def label(self) -> str:
        return f"label={INSTANCE_LABEL}={self.instance}"

    def outputs(self) -> dict[str, Any]:
        """Decrypted outputs of the stack."""
        run = self.shell("pulumi", "stack", "output", "--json", "--show-secrets", "--stack", "test")
        assert run.code == 0, run.output
        return dict(json.loads(run.output))

    def remove(self) -> None:
        """Remove what this stack made on the machine, and nothing else."""
        holders = self.docker("ps", "--all", "--quiet", "--filter", f"label={HOLDER_LABEL}={self.instance}").split()
        self._docker_all("rm", "--force", "--volumes", of=[*self.names("container"), *holders])
        self._docker_all("network", "rm", of=self.names("network"))
        self._docker_all("volume", "rm", of=self.names("volume"))
        shutil.rmtree(self.folder / "state", ignore_errors=True)

    def _docker_all(self, *arguments: str, of: list[str]) -> None:
        if of:
            self.docker(*arguments, *of)


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def new_stack(folder: Path, settings: Mapping[str, Any] | None = None) -> TestStack:
    """A stack that is not up yet."""
    return _named(folder, f"lfs-test-{secrets.token_hex(3)}", settings or {})


def twin_of(stack: TestStack, folder: Path) -> TestStack:
    """A second stack with a state and ports of its own that is told the first one's names. Never remove it."""
    return _named(folder, stack.instance, {})


def _named(folder: Path, instance: str, settings: Mapping[str, Any]) -> TestStack:
    settings_of_ports = load({}).published_ports
    ports = dict(zip(settings_of_ports, free_ports(len(settings_of_ports)), strict=True))
    stack = TestStack(folder, instance, {"langfuse-stack:instance": instance, **ports, **settings})
    stack.configure()
    return stack


def free_ports(count: int) -> list[int]:
    """Ports below the range from which the system lends ports to others."""
    found: list[int] = []
    candidates = random.SystemRandom().sample(range(20000, 30000), 200)
    for port in candidates:
        with socket.socket() as probe:
            if len(found) < count and probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
    return found
