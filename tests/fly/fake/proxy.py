"""`fly proxy`: forwards a port of 127.0.0.1, and ends with the process that asked for it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading


def forward(local: int, host: str, remote: int) -> int:
    """Forward until the parent is gone; the exit status."""
    parent = os.getppid()
    with socket.create_server(("127.0.0.1", local)) as listener:
        listener.settimeout(0.5)
        print(f"Proxying local port {local} to remote [{host}]:{remote}", flush=True)  # noqa: T201
        while os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                near, _ = listener.accept()
                near.settimeout(None)
                threading.Thread(target=_serve, args=(near, host, remote), daemon=True).start()
    return 0


def _serve(near: socket.socket, host: str, remote: int) -> None:
    try:
        far = socket.create_connection((host, remote), 10)
    except OSError:
        near.close()
        return
    far.settimeout(None)
    back = threading.Thread(target=_pump, args=(far, near), daemon=True)
    back.start()
    _pump(near, far)
    back.join()
    near.close()
    far.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
