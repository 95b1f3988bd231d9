"""The Docker daemon of this machine: installed from Debian packages if it is missing, started, and left running.

By systemd where it is in charge, else by hand.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from offline import apt
from toolchain.paths import locked, state_dir
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolchain.report import Report

_START_SECONDS = 60
_POLL_SECONDS = 0.25
_OPEN_FILES = 1048576
_SYSTEMD_RUNS = Path("/run/systemd/system")
_LOCK = Path("/run/lock/langfuse-stack-docker.lock")

_CAUSES = (
    (
        "devices cgroup isn't mounted",
        "control groups are not mounted: apt-get install cgroupfs-mount && cgroupfs-mount",
    ),
    (
        "operation not permitted",
        "this container or sandbox lacks privileges: run it privileged or use DOCKER_HOST",
    ),
    ("no space left on device", "the disk is full: free some space in /var/lib/docker"),
    (
        "pid file found",
        "another dockerd is running or hangs: look at it with `ps`, its pid is in /var/run/docker.pid",
    ),
)


def ensure_running(report: Report, failure: str, answers: Callable[[], bool]) -> str:
    """Installs the daemon if it is missing, starts it and waits until `answers()`; returns how it was started.

    Args:
        report: told what is done.
        failure: why it does not answer yet.
        answers: whether it answers now.

    Raises:
        ToolchainError: it cannot be set up here, ended, or did not answer in time; the message has its last words.
    """
    why_not = apt.obstacle() if shutil.which("dockerd") is None else None
    if os.geteuid() != 0:
        why_not = "only root can start it"
    if why_not is not None:
        raise ToolchainError(
            f"Docker is not running ({failure}) and cannot be set up here: {why_not}. "
            "Install Docker Engine 20.10 or newer and start it (Linux: sudo systemctl start docker; "
            "elsewhere: start Docker Desktop), or set DOCKER_HOST to an engine that runs."
        )
    with locked(_LOCK, "Docker"):
        if answers():
            return "started by another run"
        if shutil.which("dockerd") is None:
            apt.install("docker.io", "docker", report)
        if shutil.which("docker") is None:
            apt.install("docker-cli", "docker", report)  # a package of its own since Debian 13
        return _start(report, answers)


def _start(report: Report, answers: Callable[[], bool]) -> str:
    began = time.monotonic()
    if _SYSTEMD_RUNS.is_dir() and shutil.which("systemctl"):
        source = _by_systemd(report, answers)
    else:
        source = _by_hand(report, answers)
    report.done("docker", f"engine {source}", time.monotonic() - began)
    return source


def _by_systemd(report: Report, answers: Callable[[], bool]) -> str:
    report.step("docker", "starting the engine with systemd")
    result = subprocess.run(
        ["systemctl", "enable", "--now", "docker"],
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
        check=False,
    )
    if result.returncode != 0 or not _wait(answers, alive=lambda: True):
        raise ToolchainError(
            f"systemd could not start Docker: {result.stderr.strip()[-300:]}\nSee: journalctl -u docker -n 50"
        )
    return "started by systemd"


def _by_hand(report: Report, answers: Callable[[], bool]) -> str:
    """Tries dockerd as it is, then with the workarounds its own log asks for, each at most once."""
    log = state_dir() / "dockerd.log"
    arguments: list[str] = []
    environment = dict(os.environ)
    tried: set[str] = set()
    while True:
        report.step("docker", "starting dockerd by hand")
        if _launch(arguments, environment, log, answers):
            return "started by hand" + "".join(f", {name}" for name in sorted(tried))
        words = log.read_text(errors="replace").lower()
        if "iptables" in words and "with legacy iptables" not in tried and shutil.which("iptables-legacy"):
            tried.add("with legacy iptables")
            environment["PATH"] = f"{_legacy_iptables()}{os.pathsep}{environment['PATH']}"
        elif "graphdriver" in words and "with storage driver vfs" not in tried:
            tried.add("with storage driver vfs")
            arguments += ["--storage-driver=vfs"]
        else:
            raise ToolchainError(_obituary(log))


def _launch(arguments: list[str], environment: dict[str, str], log: Path, answers: Callable[[], bool]) -> bool:
    """True once the daemon answers, False when it ended; a daemon that hangs is stopped."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as output, _many_open_files():
        daemon = subprocess.Popen(
            ["dockerd", *arguments],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if _wait(answers, alive=lambda: daemon.poll() is None):
        return True
    if daemon.poll() is None:
        daemon.terminate()
        daemon.wait(timeout=_START_SECONDS)
    return False


@contextlib.contextmanager
def _many_open_files() -> Iterator[None]:
    """Containers inherit the daemon's limit, and databases need more than the usual 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _wait(answers: Callable[[], bool], alive: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if answers():
            return True
        if not alive():
            return False
        time.sleep(_POLL_SECONDS)
    return False


def _legacy_iptables() -> Path:
    """A folder whose iptables commands are the legacy ones; the system's choice stays as it is."""
    folder = state_dir() / "iptables-legacy"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("iptables", "ip6tables"):
        legacy = shutil.which(f"{name}-legacy")
        link = folder / name
        if legacy and not link.is_symlink():
            link.symlink_to(legacy)
    return folder


def _obituary(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()[-6:]
    text = "\n".join(lines)
    cause = next((cause for sign, cause in _CAUSES if sign in text.lower()), "see the log")
    return f"dockerd could not be started. Likely cause: {cause}.\nIts last words ({log}):\n{text}"
