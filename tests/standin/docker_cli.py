"""The few things that tests do with containers."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Result = TypeVar("Result")


def docker(*arguments: str, check: bool = True) -> str:
    """Run one docker command and return what it printed, errors included."""
    done = subprocess.run(
        ["docker", *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(arguments[:2])}: {done.stdout}")
    return done.stdout.strip()


def start_container(
    name: str, image: str, *command: str, network: str, ports: Mapping[int, int], env: Mapping[str, str]
) -> None:
    """Start a container; `ports` are host port to container port, on the loopback address only."""
    published = [part for host, inside in ports.items() for part in ("-p", f"127.0.0.1:{host}:{inside}")]
    variables = [part for key, value in env.items() for part in ("-e", f"{key}={value}")]
    docker("run", "-d", "--name", name, "--network", network, *published, *variables, image, *command)


def execute(container: str, *command: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command in a running container; returns its exit status and what it printed, errors included."""
    variables = [part for key, value in env.items() for part in ("-e", f"{key}={value}")]
    done = subprocess.run(
        ["docker", "exec", *variables, container, *command],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout


def free_port() -> int:
    """A port of the loopback address that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def exit_status(name: str) -> int:
    """Wait for a container to end."""
    return int(docker("wait", name))


def eventually(probe: Callable[[], Result], *, seconds: float = 30, accept: Callable[[Result], bool] = bool) -> Result:
    """Repeat a probe until its result is accepted; its exceptions count as a refusal."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            result = probe()
        except Exception:
            if time.monotonic() > deadline:
                raise
        else:
            if accept(result):
                return result
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s; last seen: {result!r}")
        time.sleep(0.05)
