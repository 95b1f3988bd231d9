"""Programs that fetch or make something: when one fails, the reason is what it said last."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINES = 6


def run(name: str, command: Sequence[str], seconds: float, advice: str = "") -> None:
    """Run a program to its end.

    Args:
        name: What the message calls it.
        command: The command line.
        seconds: How long it may take.
        advice: What to do when it fails.

    Raises:
        ToolchainError: It failed, or took too long.
    """
    said = failure(command, seconds)
    if said is not None:
        raise ToolchainError(f"{name} failed: {' / '.join(said.splitlines())}{advice and f' ({advice})'}")


def failure(command: Sequence[str], seconds: float) -> str | None:
    """None when the program succeeded, else the last lines of its output."""
    try:
        result = subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            umask=0o022,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {seconds:.0f} s"
    if result.returncode == 0:
        return None
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    return "\n".join(lines[-_LINES:]) or f"exit {result.returncode}"
