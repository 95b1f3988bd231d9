"""Keeps tunnels open until standard input closes, which happens however its owner ends.

Usage: tunnel_keeper.py TUNNELS, as a JSON list: of each its port, the descriptor that takes what its command says, and
the command. A command that ends too early is started again, a few times; meanwhile its port stays taken, so that no
other program is given it.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

STARTS = 30
PAUSE_SECONDS = 0.5
END_SECONDS = 2


def main(tunnels: Sequence[tuple[int, int, list[str]]]) -> None:
    """Run every command until standard input closes, or until none would stay."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # the owner decides, by closing the pipe
    closed = threading.Event()
    threading.Thread(target=_watch, args=(closed,), daemon=True).start()
    keepers = [threading.Thread(target=_keep, args=(*tunnel, closed)) for tunnel in tunnels]
    for keeper in keepers:
        keeper.start()
    for keeper in keepers:
        keeper.join()


def _keep(port: int, said: int, argv: list[str], closed: threading.Event) -> None:
    for _ in range(STARTS):
        try:
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
            )
        except OSError:
            return
        while child.poll() is None and not closed.wait(0.05):
            pass
        _end(child)
        with _taken(port):
            if closed.wait(PAUSE_SECONDS):
                return


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
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(END_SECONDS)
    child.wait()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
