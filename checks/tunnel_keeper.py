"""Keeps one tunnel open until standard input closes, which happens however its owner ends.

Usage: tunnel_keeper.py PORT COMMAND ARGUMENT…. A command that ends too early is started again, a few times; meanwhile
its port stays taken, so that no other program is given it.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

STARTS = 30
PAUSE_SECONDS = 0.5


def main(port: int, argv: list[str]) -> int:
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
        with _taken(port):
            if closed.wait(PAUSE_SECONDS):
                return 0
    return 1


@contextlib.contextmanager
def _taken(port: int) -> Iterator[None]:
    """Have the port, unless somebody else does; nobody is served."""
    with socket.socket() as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            place.bind(("127.0.0.1", port))
        yield


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
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
