"""What the toolchain tells its user: one line a part, on stderr, in at most 80 columns.

Standard library only: `toolchain/venv.py` uses this before anything is installed.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

from toolchain.wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH = 80
_PART_WIDTH = 11
_HEARTBEAT_SECONDS = 15.0


class ToolchainError(Exception):
    """A failure the user can act on: says what failed, and the setting or command that fixes it."""


class Report:
    """Prints what is being got, from where, and how long it took."""

    def __init__(self, stream: TextIO | None = None, heartbeat: float = _HEARTBEAT_SECONDS) -> None:
        """Args: stream: default stderr; heartbeat: seconds between signs of life of a long piece of work."""
        self._stream = stream
        self._heartbeat = heartbeat

    def step(self, part: str, text: str) -> None:
        """Say what happens next, or that something went another way than hoped."""
        line = wrapped(f"{part:<{_PART_WIDTH - 1}} {text}", _WIDTH, " " * _PART_WIDTH)
        print(line, file=self._stream or sys.stderr, flush=True)

    def done(self, part: str, text: str, seconds: float) -> None:
        """Say that a part is there, where it came from, and after how many seconds."""
        self.step(part, f"{text} ({seconds:.0f} s)")

    @contextlib.contextmanager
    def working(self, part: str, text: str) -> Iterator[None]:
        """Say what is being done, then repeat it with the elapsed time until the block ends."""
        self.step(part, text)
        started = time.monotonic()
        over = threading.Event()

        def beat() -> None:
            while not over.wait(self._heartbeat):
                self.done(part, f"still {text}", time.monotonic() - started)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
