"""Ways to servers that are not reachable from here: opened around a check, closed however it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checks import tunnels
from checks.base import CheckFailedError, CheckProvider, Evidence, GateClosedError, Inputs

FORWARD = """
import pathlib, socket, sys, time
port, pids = int(sys.argv[1]), pathlib.Path(sys.argv[2])
import os
with pids.open("a") as file:
    file.write(f"{os.getpid()}\\n")
with socket.create_server(("127.0.0.1", port)) as listener:
    while True:
        near, _ = listener.accept()
        near.sendall(b"far side")
        near.close()
"""


class Asking(CheckProvider):
    """Asks whoever listens at the address."""

    label = "asking"
    keys = ("address",)

    def probe(self, inputs: Inputs) -> Evidence:
        host, _, port = inputs["address"].rpartition(":")
        with socket.create_connection((host, int(port)), 5) as way:
            said = way.recv(100).decode()
        if said != inputs["expected"]:
            raise CheckFailedError(f"ask {inputs['address']}", said, "mend it", final=True)
        return {"said": said, "where": f"http://{inputs['address']}/"}


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    return tmp_path / "pids"


def inputs(pids: Path, **altered: Any) -> dict[str, Any]:
    argv = [sys.executable, "-c", FORWARD, "{port}", str(pids)]
    given = {"address": "far.internal:80", "expected": "far side", "deadline_seconds": 5}
    return {**given, "tunnels": {"far.internal:80": argv}, **altered}


def alive(pids: Path) -> list[int]:
    found = []
    for pid in pids.read_text().split():
        status = Path(f"/proc/{pid}/stat")
        if status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
            found.append(int(pid))
    return found


def gone(pids: Path) -> bool:
    deadline = time.monotonic() + 10
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pids)


def test_a_check_goes_through_the_tunnel_and_shows_the_real_address(pids: Path) -> None:
    outputs = Asking().run(inputs(pids))
    assert outputs["evidence"] == {"said": "far side", "where": "http://far.internal:80/"}
    assert outputs["address"] == "far.internal:80"
    assert gone(pids)


def test_a_finding_names_the_real_address_and_the_tunnel_is_closed(pids: Path) -> None:
    with pytest.raises(GateClosedError, match=r"ask far\.internal:80\n"):
        Asking().run(inputs(pids, expected="something else"))
    assert gone(pids)


def test_a_tunnel_that_breaks_is_opened_again(pids: Path) -> None:
    commands = inputs(pids)["tunnels"]
    with tunnels.opened(commands) as (there, _):
        host, _, port = there("far.internal:80").rpartition(":")
        os.kill(alive(pids)[0], signal.SIGKILL)
        deadline = time.monotonic() + 10
        while True:
            try:
                with socket.create_connection((host, int(port)), 5) as way:
                    assert way.recv(100) == b"far side"
                break
            except (ConnectionError, AssertionError):
                assert time.monotonic() < deadline
                time.sleep(0.05)
    assert gone(pids)
    assert len(pids.read_text().split()) == 2


def test_a_killed_owner_leaves_no_tunnel(pids: Path) -> None:
    script = (
        "import sys, time; from checks import tunnels\n"
        "with tunnels.opened({'far.internal:80': sys.argv[1:]}): print('open', flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", script, *inputs(pids)["tunnels"]["far.internal:80"]]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == "open\n"
        owner.kill()
    assert gone(pids)


@pytest.mark.parametrize("argv", [["no-such-command", "{port}"], [sys.executable, "-c", "pass"]])
def test_a_tunnel_that_does_not_open_closes_the_gate(
    argv: list[str], pids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnels, "OPEN_SECONDS", 1.0)
    with pytest.raises(GateClosedError, match=r"no way to far\.internal:80 opened: see that"):
        Asking().run(inputs(pids, tunnels={"far.internal:80": argv}))


def test_a_tunnel_that_does_not_open_tells_its_last_error(pids: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "OPEN_SECONDS", 5.0)
    script = "printf 'Error: old\\n\\033[31mError: tunnel unavailable\\033[0m\\nsee --help\\n' >&2"
    failing = {"far.internal:80": ["sh", "-c", script]}
    with pytest.raises(GateClosedError, match=r"far\.internal:80 opened: Error: tunnel unavailable\n"):
        Asking().run(inputs(pids, tunnels=failing))
    reasons: dict[str, str] = {}
    with tunnels.opened(failing, partly=True, seconds=5, reasons=reasons):
        pass
    assert reasons == {"far.internal:80": "no way to far.internal:80 opened: Error: tunnel unavailable"}


def test_a_tunnels_program_is_the_one_that_the_environment_names(pids: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = inputs(pids)["tunnels"]["far.internal:80"]
    monkeypatch.setenv("FAR_BIN", argv[0])
    assert Asking().run(inputs(pids, tunnels={"far.internal:80": ["far", *argv[1:]]}))["result"] == "ok"


def test_what_opens_can_be_used_without_the_rest(pids: Path) -> None:
    shut = {"shut.internal:81": ["no-such-command", "{port}"]}
    with tunnels.opened(inputs(pids)["tunnels"] | shut, partly=True) as (there, back):
        open_, closed = there(["far.internal:80", "shut.internal:81"])
        assert open_.startswith("127.0.0.1:")
        assert closed == "shut.internal:81"
        assert back(open_) == "far.internal:80"
    assert gone(pids)


def test_one_process_keeps_all_tunnels_and_the_port_of_each(pids: Path) -> None:
    argv = inputs(pids)["tunnels"]["far.internal:80"]
    addresses = [f"far-{number}.internal:80" for number in range(3)]
    with tunnels.opened(dict.fromkeys(addresses, argv)) as (there, back):
        local = there(addresses)
        assert len(set(local)) == len(addresses)
        assert back(local) == addresses
        assert len({Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] for pid in alive(pids)}) == 1
    assert gone(pids)


@contextlib.contextmanager
def another_server(port: int = 0) -> Iterator[int]:
    """Another program's server, which says something else; its port."""
    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    near, _ = server.accept()
                    near.sendall(b"another server")
                    near.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


TUNNELS = "tunnels"


@pytest.mark.attack(
    "another server on the port of a tunnel", layer=TUNNELS, message="no way to far.internal:80 opened", alone=True
)
def test_a_port_that_another_program_has_is_no_tunnel(pids: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tunnel's command cannot have the port, and whoever has it would be taken for the store."""
    monkeypatch.setattr(tunnels, "OPEN_SECONDS", 1.0)
    with another_server() as port:
        monkeypatch.setattr(tunnels, "_free_ports", lambda _: [port])
        with pytest.raises(GateClosedError, match=r"no way to far\.internal:80 opened: see that"):
            Asking().run(inputs(pids, expected="another server"))


@pytest.mark.attack(
    "another server takes a tunnel's port during a check",
    layer=TUNNELS,
    message="another program answered on the port",
    alone=True,
)
def test_a_check_that_another_program_answered_is_not_believed(pids: Path) -> None:
    """The tunnel breaks, and another program is on its port before the tunnel is back."""
    servers = contextlib.ExitStack()

    class Robbed(Asking):
        def probe(self, inputs: Inputs) -> Evidence:
            [tunnel] = alive(pids)
            os.kill(tunnel, signal.SIGKILL)
            assert gone(pids)
            servers.enter_context(another_server(int(inputs["address"].rpartition(":")[2])))
            return super().probe(inputs)

    with servers, pytest.raises(GateClosedError, match="another program answered on the port"):
        Robbed().run(inputs(pids, expected="another server"))
