"""The Docker bootstrap, driven with stand-in programs on an otherwise empty PATH."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from offline import apt, dockerd
from toolchain import docker
from toolchain.report import Report, ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CLIENT = """
case "$1" in
    context) echo unix:///var/run/docker.sock ;;
    version)
        if [ -e "$MACHINE/denied" ]; then echo "dial unix: connect: permission denied" >&2; exit 1; fi
        if [ -e "$MACHINE/running" ]; then cat "$MACHINE/running"; exit 0; fi
        echo "Cannot connect to the Docker daemon" >&2; exit 1 ;;
esac
"""
_DAEMON = """
echo "$@" >> "$MACHINE/starts"
echo $$ >> "$MACHINE/pids"
echo 20.10.24 > "$MACHINE/running"
exec sleep 300
"""


class Machine:
    """A machine with just the programs that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.folder = folder
        for name in ("sh", "cat", "echo", "sleep", "env", "cp", "touch"):
            (self.bin / name).symlink_to(shutil.which(name) or f"/bin/{name}")

    def program(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}")
        path.chmod(path.stat().st_mode | stat.S_IEXEC)

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def write(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(tmp_path)
    made.program("docker", _CLIENT)
    monkeypatch.setenv("PATH", str(made.bin))
    monkeypatch.setenv("MACHINE", str(tmp_path))
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(dockerd, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(dockerd, "_SYSTEMD_RUNS", tmp_path / "no-systemd")
    monkeypatch.setattr(dockerd, "_START_SECONDS", 5)
    monkeypatch.setattr(apt, "obstacle", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    yield made
    for pid in made.lines("pids"):
        os.kill(int(pid), signal.SIGKILL)


def test_the_running_engine_is_used_as_it_is(machine: Machine) -> None:
    machine.write("running", "27.3.1")
    machine.program("dockerd", _DAEMON)
    assert docker.ensure_docker(Report()) == docker.DockerEngine(None, "27.3.1", "already running")
    assert machine.lines("starts") == []


def test_docker_host_is_respected_and_handed_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.write("running", "27.3.1")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
    assert docker.ensure_docker(Report()).host == "tcp://127.0.0.1:2375"


def test_the_engine_of_the_current_context_is_handed_on(machine: Machine) -> None:
    machine.write("running", "27.3.1")
    machine.program("docker", _CLIENT.replace("unix:///var/run/docker.sock", "unix:///home/dev/docker.sock"))
    assert docker.ensure_docker(Report()).host == "unix:///home/dev/docker.sock"


def test_a_silent_docker_host_is_named_and_no_engine_is_started(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.program("dockerd", _DAEMON)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(ToolchainError, match=r"tcp://127\.0\.0\.1:1.*unset DOCKER_HOST"):
        docker.ensure_docker(Report())
    assert machine.lines("starts") == []


def test_an_engine_older_than_the_oldest_tried_is_refused(machine: Machine) -> None:
    machine.write("running", "19.03.15")
    with pytest.raises(ToolchainError, match=r"19\.03\.15 is older than 20\.10"):
        docker.ensure_docker(Report())


def test_without_systemd_the_daemon_is_started_by_hand_and_left_running(machine: Machine) -> None:
    machine.program("dockerd", _DAEMON)
    engine = docker.ensure_docker(Report())
    assert (engine.version, engine.source) == ("20.10.24", "started by hand")
    [pid] = machine.lines("pids")
    assert os.getsid(int(pid)) != os.getsid(0)  # a Ctrl-C in this terminal does not reach it


def test_with_systemd_in_charge_it_starts_the_engine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dockerd, "_SYSTEMD_RUNS", machine.folder)
    machine.program("dockerd", _DAEMON)
    machine.program("systemctl", 'echo "$@" > "$MACHINE/units"; echo 24.0.7 > "$MACHINE/running"')
    assert docker.ensure_docker(Report()).source == "started by systemd"
    assert machine.lines("units") == ["enable --now docker"]
    assert machine.lines("starts") == []


def test_a_missing_engine_is_installed_with_refreshed_package_lists_when_the_first_try_fails(
    machine: Machine,
) -> None:
    machine.program("dockerd.packaged", _DAEMON)
    machine.program(
        "apt-get",
        'case "$*" in\n'
        '*update*) touch "$MACHINE/refreshed" ;;\n'
        '*install*docker.io) [ -e "$MACHINE/refreshed" ] || exit 100\n'
        f'    cp "{machine.bin}/dockerd.packaged" "{machine.bin}/dockerd" ;;\n'
        "esac\n",
    )
    assert docker.ensure_docker(Report()).source == "started by hand"


def test_what_apt_said_is_shown_when_it_cannot_install(machine: Machine) -> None:
    machine.program("apt-get", 'echo "E: Unable to locate package docker.io"; exit 100')
    with pytest.raises(ToolchainError, match="Unable to locate package"):
        docker.ensure_docker(Report())


@pytest.mark.parametrize("program", ["dockerd", "none"])
def test_whoever_is_not_root_is_told_what_to_do(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    machine.program(program, _DAEMON)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolchainError, match=r"only root can start it.*systemctl start docker"):
        docker.ensure_docker(Report())
    assert machine.lines("starts") == []


def test_a_system_that_is_not_debian_is_told_what_to_install(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.lines("starts") == []
    monkeypatch.setattr(apt, "obstacle", lambda: "this is not a Debian-like system")
    with pytest.raises(ToolchainError, match=r"not a Debian-like system\. Install Docker Engine"):
        docker.ensure_docker(Report())


def test_a_user_outside_the_docker_group_is_told_the_command(machine: Machine) -> None:
    machine.write("denied")
    with pytest.raises(ToolchainError, match="usermod -aG docker"):
        docker.ensure_docker(Report())


def test_a_dying_daemon_is_reported_with_its_last_words_and_the_likely_cause(machine: Machine) -> None:
    machine.program("dockerd", "echo 'failed to start: Devices cgroup isn'\"'\"'t mounted' >&2; exit 1")
    with pytest.raises(ToolchainError, match=r"(?s)control groups are not mounted.*Devices cgroup isn't mounted"):
        docker.ensure_docker(Report())


def test_a_daemon_that_cannot_use_iptables_gets_the_legacy_ones(machine: Machine) -> None:
    machine.program("iptables-legacy", "")
    machine.program(
        "dockerd",
        'case "$PATH" in *iptables-legacy*) ;; *) echo "iptables failed: no chain" >&2; exit 1 ;; esac\n' + _DAEMON,
    )
    assert docker.ensure_docker(Report()).source == "started by hand, with legacy iptables"


def test_a_daemon_without_its_storage_driver_gets_the_one_that_works_everywhere(machine: Machine) -> None:
    machine.program(
        "dockerd",
        'case "$*" in *vfs*) ;; *) echo "error initializing graphdriver: not supported" >&2; exit 1 ;; esac\n'
        + _DAEMON,
    )
    assert docker.ensure_docker(Report()).source == "started by hand, with storage driver vfs"


def test_two_runs_at_once_start_one_daemon(machine: Machine) -> None:
    machine.program("dockerd", "sleep 0.5\n" + _DAEMON)
    sources: list[str] = []
    runs = [threading.Thread(target=lambda: sources.append(docker.ensure_docker(Report()).source)) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(machine.lines("starts")) == 1
    assert sorted(sources) == ["started by another run", "started by another run", "started by hand"]
