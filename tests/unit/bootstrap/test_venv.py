"""Stage zero."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offline import apt
from toolchain import venv
from toolchain.report import Report, ToolchainError

if TYPE_CHECKING:
    from tests.unit.bootstrap.conftest import Machine


def write_lock(folder: Path, content: str = "") -> Path:
    lock = folder / "requirements.lock"
    lock.write_text(content)
    return lock


@pytest.mark.parametrize("version", [(3, 10, 14), (3, 9, 2), (2, 7, 18)])
def test_an_old_python_is_refused_with_what_is_needed(version: tuple[int, ...]) -> None:
    with pytest.raises(SystemExit, match=r"is too old, 3\.11 or newer is needed"):
        venv.require_python(version)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 13, 1), (4, 0, 0)])
def test_a_new_python_is_accepted(version: tuple[int, ...]) -> None:
    venv.require_python(version)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for the programs that make an environment and install into it; notes what the latter installs."""
    installed: list[str] = []

    def run(command: list[str], what: str) -> None:
        assert what
        if "pip" in command:
            installed.append(command[-1])
        else:
            (Path(command[-1]) / "bin").mkdir(parents=True)
            (Path(command[-1]) / "bin" / "python").touch()

    monkeypatch.setattr(venv, "_run", run)
    return installed


def test_an_environment_is_made_once_for_a_lock(machine: Machine, pip: list[str], tmp_path: Path) -> None:
    lock = write_lock(tmp_path)

    first = venv.ensure_venv(lock, Report(io.StringIO()))
    second = venv.ensure_venv(lock, Report(io.StringIO()))
    other = venv.ensure_venv(write_lock(tmp_path, "# another lock\n"), Report(io.StringIO()))

    assert first == second != other
    assert first.is_relative_to(machine.cache)
    assert pip == [str(lock), str(lock)]


def test_an_interrupted_environment_is_made_again(machine: Machine, pip: list[str], tmp_path: Path) -> None:
    assert machine
    lock = write_lock(tmp_path)
    python = venv.ensure_venv(lock, Report(io.StringIO()))
    leftover = python.parents[1] / "half-installed"
    leftover.touch()
    (python.parents[1] / ".ready").unlink()

    assert venv.ensure_venv(lock, Report(io.StringIO())) == python
    assert not leftover.exists()
    assert len(pip) == 2


def test_a_failed_installation_ends_with_what_was_said_and_what_helps(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(ToolchainError, match=r"Python could not make a virtual environment[^$]*PIP_INDEX_URL"):
        venv.ensure_venv(write_lock(tmp_path), Report(io.StringIO()))

    assert list(machine.cache.glob("venv/*/.ready")) == []


def test_a_debian_without_the_venv_package_gets_it_or_says_exactly_what_to_install(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machine
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else found(name))
    monkeypatch.setattr(apt, "obstacle", lambda: "only root can install packages")

    with pytest.raises(ToolchainError, match=r"apt-get install python{}\.{}-venv".format(*sys.version_info)):
        venv.ensure_venv(write_lock(tmp_path), Report(io.StringIO()))


def test_a_failure_is_a_message_and_not_a_traceback(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine

    def fail(*_: object) -> None:
        raise ToolchainError("set THIS to fix it")

    monkeypatch.setattr(venv, "ensure_venv", fail)

    with pytest.raises(SystemExit, match="error: set THIS to fix it"):
        venv.main()


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONSTARTUP", "PYTHONOPTIMIZE", "PYTHONINSPECT"])
def test_what_python_takes_from_the_environment_is_no_part_of_the_program(name: str, tmp_path: Path) -> None:
    """As `make` starts every command."""
    (tmp_path / "sitecustomize.py").write_text("print('somebody else')\n")
    [line] = [line for line in (venv.ROOT / "Makefile").read_text().splitlines() if line.startswith("RUN = ")]
    argv = [sys.executable, *line.removeprefix("RUN = $(PYTHON) ").split(), "-c", "import sys; print(sys.flags)"]
    environment = {**os.environ, name: str(tmp_path) if name == "PYTHONPATH" else "1"}
    ran = subprocess.run(
        argv, cwd=venv.ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert "ignore_environment=1" in ran.stdout
    assert "optimize=0" in ran.stdout
    assert "somebody else" not in ran.stdout
