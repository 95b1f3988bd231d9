"""A command that cannot look, or refuses, says why: to people on standard error, to a script as JSON as well."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import report
from ops.capacity import command as capacity
from ops.commands import cli
from ops.doctor import command as doctor
from ops.session import OpsError, RefusedError
from ops.stackfile import StackFileError
from ops.upgrade import command as upgrade
from settings import SettingsError
from toolchain.report import ToolchainError

COMMANDS: dict[str, tuple[Any, list[str]]] = {
    "upgrade": (upgrade, ["upgrade"]),
    "upgrade that is taken": (upgrade, ["upgrade", "--apply"]),
    "doctor": (doctor, ["doctor"]),
    "capacity": (capacity, ["status", "--capacity"]),
}


@pytest.fixture(params=COMMANDS.values(), ids=list(COMMANDS))
def words(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command that cannot look at the stack."""
    module, words = request.param
    monkeypatch.setattr(module, "open_session", failing(OpsError("there is no stack")))
    return list(words)


def failing(error: Exception) -> Any:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    return fails


def test_a_script_gets_the_reason_as_json_and_people_get_it_too(words: list[str]) -> None:
    told = CliRunner().invoke(cli, [*words, "--json"])
    assert told.exit_code == 2
    assert json.loads(told.stdout) == {"error": "there is no stack"}
    assert told.stderr == "error: there is no stack\n"


def test_without_json_nothing_is_on_standard_output(words: list[str]) -> None:
    told = CliRunner().invoke(cli, words)
    assert (told.exit_code, told.stdout, told.stderr) == (2, "", "error: there is no stack\n")


@pytest.mark.parametrize("error", [RefusedError, OpsError, SettingsError, ToolchainError])
def test_a_step_that_is_refused_or_fails_says_so_as_json(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(upgrade, "open_session", lambda *_: SimpleNamespace(exists=lambda: True))
    monkeypatch.setattr(report, "resolve_images", lambda *_: None)
    monkeypatch.setattr(upgrade, "take", failing(error("not-next")))
    told = CliRunner().invoke(cli, ["upgrade", "--apply", "--json"])
    assert (told.exit_code, json.loads(told.stdout)) == (1, {"error": "not-next"})
    assert "error: not-next" in told.stderr


@pytest.mark.parametrize("error", [RefusedError, StackFileError, SettingsError, ToolchainError])
def test_every_reason_for_not_looking_is_told(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    for module, words in COMMANDS.values():
        monkeypatch.setattr(module, "open_session", failing(error("why")))
        assert json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout) == {"error": "why"}


def test_a_log_that_cannot_be_read_is_told_as_json(tmp_path: Path) -> None:
    path = tmp_path / "absent.log"
    told = CliRunner().invoke(cli, ["doctor", str(path), "--json"])
    assert told.exit_code == 2
    assert json.loads(told.stdout) == {"error": f"{path} cannot be read: No such file or directory"}
