"""Ways to servers that are not reachable from here: a command for each, which opens a local port while a check runs."""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from programs import command

KEEPER = Path(__file__).with_name("tunnel_keeper.py")
OPEN_SECONDS = 20.0
PARTLY_SECONDS = 8.0
"""For those that one can do without."""
PAUSE_SECONDS = 0.05
LOOPBACK = "127.0.0.1"
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

Translation = Callable[[Any], Any]


class TunnelError(Exception):
    """A tunnel did not open."""


@dataclass(frozen=True)
class _Tunnel:
    """A tunnel's local port, its program and what that said, and what keeps all of them open."""

    port: int
    program: str
    keeper: "subprocess.Popen[bytes]"
    said: IO[bytes]

    @property
    def reason(self) -> str:
        """The last error that the command told; empty for none."""
        self.said.seek(0)
        lines = ANSI.sub("", self.said.read().decode(errors="replace")).splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip().lower().startswith("error")), "")


@contextmanager
def opened(
    commands: Mapping[str, Sequence[str]],
    *,
    partly: bool = False,
    seconds: float | None = None,
    reasons: dict[str, str] | None = None,
) -> Iterator[tuple[Translation, Translation]]:
    """Open a way to every address, each on a local port of its own, and close all of them at the end.

    Args:
        commands: address (`host:port`) to the command that opens the way on the local port it is given for `{port}`.
        partly: do with the ways that open; an address without one stays as it is.
        seconds: other than the usual patience, for all of them together.
        reasons: takes why an address has no way, where `partly`.

    Yields:
        What puts the local addresses in place of the real ones, anywhere in a value; and what puts them back.

    Raises:
        TunnelError: one did not open in time, or something else has come to answer on its port; names its address.
    """
    with ExitStack() as stack:
        local = _kept(commands, stack)
        patience = seconds or (PARTLY_SECONDS if partly else OPEN_SECONDS)
        deadline = time.monotonic() + patience
        for address, tunnel in list(local.items()):
            try:
                _await(address, tunnel, deadline)
            except TunnelError as error:
                if not partly:
                    raise
                if reasons is not None:
                    reasons[address] = str(error)
                del local[address]
        there = {address: f"{LOOPBACK}:{tunnel.port}" for address, tunnel in local.items()}
        back = {here: address for address, here in there.items()}
        yield (lambda value: _translated(value, there)), (lambda value: _translated(value, back))
        for address, tunnel in local.items():
            if _answers(tunnel.port) and not _listens(tunnel.keeper.pid, tunnel.port):
                raise TunnelError(f"another program answered on the port of the way to {address}: run it again")


def _kept(commands: Mapping[str, Sequence[str]], stack: ExitStack) -> dict[str, _Tunnel]:
    """Start the tunnels. One process keeps all, and ends them when its standard input closes, so also when we die."""
    if not commands:
        return {}
    files = [stack.enter_context(tempfile.TemporaryFile()) for _ in commands]  # noqa: SIM115 - the stack closes them
    ports = _free_ports(len(commands))
    lines = [
        command([part.replace("{port}", str(port)) for part in argv])
        for port, argv in zip(ports, commands.values(), strict=True)
    ]
    said = [file.fileno() for file in files]
    keeper = subprocess.Popen(
        [sys.executable, str(KEEPER), json.dumps(list(zip(ports, said, lines, strict=True)))],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=said,
    )
    stack.callback(_close, keeper)
    made = (_Tunnel(port, line[0], keeper, file) for port, line, file in zip(ports, lines, files, strict=True))
    return dict(zip(commands, made, strict=True))


def _close(keeper: "subprocess.Popen[bytes]") -> None:
    if keeper.stdin:
        keeper.stdin.close()
    try:
        keeper.wait(timeout=5)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


def _await(address: str, tunnel: _Tunnel, deadline: float) -> None:
    """Wait until the tunnel itself listens: that somebody does is not enough, for a port is anybody's to take."""
    while not _listens(tunnel.keeper.pid, tunnel.port):
        ended = tunnel.keeper.poll() is not None or not shutil.which(tunnel.program)
        if ended or time.monotonic() > deadline:
            hint = "see that the platform's command line is installed and logged in, and not kept from the network"
            raise TunnelError(f"no way to {address} opened: {tunnel.reason or hint}")
        time.sleep(PAUSE_SECONDS)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _listens(keeper: int, port: int) -> bool:
    """Whether what a keeper has started listens on `port`."""
    import psutil

    with suppress(psutil.Error):
        for process in psutil.Process(keeper).children(recursive=True):
            with suppress(psutil.Error):
                for connection in process.net_connections("tcp"):
                    if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                        return True
    return False


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _translated(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, other in names.items():
            value = value.replace(name, other)
        return value
    if isinstance(value, Mapping):
        return {key: _translated(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_translated(item, names) for item in value]
    return value
