"""`python -m toolchain`."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolchain import __main__ as command
from toolchain.docker import DockerEngine
from toolchain.engine import Engine
from toolchain.environment import POLICY_PACK
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from tests.unit.bootstrap.conftest import Machine


def run(monkeypatch: pytest.MonkeyPatch, *args: str) -> object:
    monkeypatch.setattr("sys.argv", ["toolchain", *args])
    with pytest.raises(SystemExit) as end:
        command.main()
    return end.value.code


def test_shell_prints_lines_that_a_shell_takes_literally(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    strange = str(tmp_path / "it's $HOME; true")
    ready = (
        Engine(Path("/engine/bin"), Path(strange), "3.255.0", "vendor release"),
        DockerEngine(None, "28.2.2", "already running"),
    )
    monkeypatch.setattr(command, "make_ready", lambda: ready)

    assert run(monkeypatch, "shell") == 0

    lines = capsys.readouterr().out
    shown = subprocess.run(["sh", "-c", f'{lines}printf %s "$PULUMI_HOME"'], capture_output=True, text=True, check=True)
    assert shown.stdout == strange
    assert all(line.startswith("export ") for line in lines.splitlines())
    assert f"export PULUMI_OPTION_POLICY_PACK={POLICY_PACK}\n" in lines
    assert f"PULUMI_BACKEND_URL={shlex.quote((machine.state / 'pulumi').as_uri() + '?metadata=skip')}" in lines


def test_shell_takes_back_the_options_that_somebody_gave_the_engine(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of them switches the policy pack off."""
    ready = Engine(machine.bin, machine.bin, "3.255.0", "vendor release"), DockerEngine(None, "28.2.2", "running")
    monkeypatch.setattr(command, "make_ready", lambda: ready)
    monkeypatch.setenv("PULUMI_OPTION_POLICY_PACK_CONFIG", "off.json")

    assert run(monkeypatch, "shell") == 0

    lines = capsys.readouterr().out
    shown = subprocess.run(
        ["sh", "-c", f'{lines}printf %s "${{PULUMI_OPTION_POLICY_PACK_CONFIG:-none}} $PULUMI_OPTION_POLICY_PACK"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == f"none {POLICY_PACK}"


def test_an_expected_failure_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ToolchainError("set THIS to fix it")

    monkeypatch.setattr(command, "make_ready", fail)

    assert run(monkeypatch, "ensure") == "error: set THIS to fix it"


def test_images_says_how_to_get_them_when_none_are_known(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "images") == (
        f"error: No images are known yet ({machine.state / 'images.json'}). Run: make images"
    )
