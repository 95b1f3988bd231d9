"""Keeps one tunnel open until standard input closes, which happens however its owner ends.

Usage: tunnel_keeper.py COMMAND ARGUMENT…. A command that ends too early is started again, a few times.
"""

import os
import signal
import subprocess
import sys
import threading
import time

STARTS = 30
PAUSE_SECONDS = 0.5


def main(argv: list[str]) -> int:
    """Run the command until standard input closes; 1 when it would not stay."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # the owner decides, by closing the pipe
    closed = threading.Event()
    threading.Thread(target=_watch, args=(closed,), daemon=True).start()
    for _ in range(STARTS):
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError:
            return 1
        while child.poll() is None and not closed.wait(0.05):
            pass
        _end(child)
        if closed.wait(PAUSE_SECONDS):
            return 0
    return 1


def _watch(closed: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    closed.set()


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End the command with everything that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + 2
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
