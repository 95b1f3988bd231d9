"""Runs the real `fly`: bounded in time, and killed with its children when the time is up."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from platforms.fly.argv import Command
from platforms.fly.errors import NoFlyError, classify
from programs import executable

MIN_VERSION = (0, 4, 6)
"""The first one that says of each secret whether it is staged."""
QUIET = {"NO_COLOR": "1", "FLY_NO_UPDATE_CHECK": "1"}


@dataclass(frozen=True)
class Completed:
    """How a call ended. `code` is None when the time was up."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float = 0.0


class Run(Protocol):
    """Runs one command line with `stdin`; never raises because of how it ends."""

    def __call__(self, command: Command, stdin: str) -> Completed:
        """How it ended."""


def run(command: Command, stdin: str, environment: Mapping[str, str] = os.environ) -> Completed:
    """Run `fly`.

    Args:
        command: what to ask.
        stdin: standard input; the only way that secrets take.
        environment: FLY_BIN names another executable than `fly`.

    Raises:
        NoFlyError: there is no such program.
    """
    binary = executable("fly", environment)
    if not shutil.which(binary, path=environment.get("PATH")):
        raise NoFlyError(
            f"the Fly command line ({binary}) is not on PATH",
            "install it from https://fly.io/docs/flyctl/install/, or name it in FLY_BIN; then log in",
            "fly auth login",
        )
    started = time.monotonic()
    with (
        _alone(environment) if command.spec.alone else nullcontext(),
        subprocess.Popen(
            [binary, *command.words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**environment, **QUIET},
            start_new_session=True,
        ) as process,
    ):
        code: int | None
        try:
            stdout, stderr = process.communicate(stdin, timeout=command.spec.seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            code = None
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Completed(code, stdout, stderr, round(time.monotonic() - started, 3))


@contextmanager
def _alone(environment: Mapping[str, str]) -> Iterator[None]:
    """Be the only one on this machine who has `fly` rewrite its configuration file."""
    folder = Path(environment.get("FLY_CONFIG_DIR") or Path.home() / ".fly")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "langfuse-stack.lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require_version(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a `fly` that is missing or too old.

    Raises:
        NoFlyError: says which version is there and which one is needed.
        FlyError: it does not say.
    """
    done = run(Command(("version", "--json")), "", environment)
    if done.code != 0:
        raise classify("fly version --json", done.code or 0, f"{done.stdout}\n{done.stderr}")
    try:
        version = str(json.loads(done.stdout)["Version"])
    except (ValueError, KeyError, TypeError):
        version = "unknown"
    numbers = tuple(map(int, re.findall(r"\d+", version)[:3]))
    if numbers < MIN_VERSION:
        needed = ".".join(map(str, MIN_VERSION))
        raise NoFlyError(
            f"the Fly command line is version {version}, and {needed} or later is needed",
            "upgrade it, or name another one in FLY_BIN",
            "fly version upgrade",
        )
