"""Runs the real `fly`: found on PATH, bounded in time, killed with its children when the time is up."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Protocol

from platforms.fly.argv import Command
from platforms.fly.errors import NoFlyError

BINARY_VARIABLE = "FLY_BIN"
"""Names another executable than `fly`."""


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


def run(command: Command, stdin: str) -> Completed:
    """Run `fly`.

    Args:
        command: what to ask.
        stdin: standard input; the only way that secrets take.

    Raises:
        NoFlyError: there is no such program.
    """
    binary = os.environ.get(BINARY_VARIABLE) or "fly"
    if not shutil.which(binary):
        raise NoFlyError(
            f"the Fly command line ({binary}) is not on PATH",
            f"install it from https://fly.io/docs/flyctl/install/, or name it in {BINARY_VARIABLE}; then log in",
            "fly auth login",
        )
    started = time.monotonic()
    with subprocess.Popen(
        [binary, *command.words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "NO_COLOR": "1", "FLY_NO_UPDATE_CHECK": "1"},
        start_new_session=True,
    ) as process:
        code: int | None
        try:
            stdout, stderr = process.communicate(stdin, timeout=command.seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            code = None
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Completed(code, stdout, stderr, round(time.monotonic() - started, 3))
