"""A command that cannot look, or refuses, says why: to people on standard error, to a script as JSON as well."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import report
from ops.capacity import command as capacity
from ops.commands import cli
from ops.doctor import command as doctor
from ops.failure import pasteable
from ops.session import OpsError, RefusedError, Session, errors_in
from ops.stackfile import StackFileError
from ops.upgrade import command as upgrade
from settings import SettingsError
from settings.recorded import NOTHING
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


@pytest.mark.parametrize(
    ("stack", "text", "pasted"),
    [
        ("local", "run `make up`", "run `make up`"),
        ("prod", "run `make up` or `make down`", "run `make up STACK=prod` or `make down STACK=prod`"),
        ("prod", "`make up STACK=test`", "`make up STACK=test`"),
        ("org/a b", "`python -m ops start web`", "`python -m ops start web --stack 'org/a b'`"),
        ("prod", "`python -m ops up --stack prod`", "`python -m ops up --stack prod`"),
        ("prod", "make up, `docker logs web`", "make up, `docker logs web`"),
    ],
)
def test_commands_in_a_message_can_be_pasted(stack: str, text: str, pasted: str) -> None:
    assert pasteable(text, stack) == pasted


def test_a_failed_command_ends_with_commands_of_its_own_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "open_session", failing(OpsError("nothing is there: run `make up`")))
    ran = CliRunner().invoke(cli, ["status", "--stack", "prod"])
    assert ran.output.splitlines()[-1] == "error: nothing is there: run `make up STACK=prod`"


def test_what_the_engine_gave_as_errors_is_read_from_its_events(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    assert errors_in(log) == []
    lines = [
        {"diagnosticEvent": {"severity": "error", "message": "<{%fg 1%}>error: gate closed<{%reset%}>\n    seen: x\n"}},
        {"diagnosticEvent": {"severity": "error", "message": "error: gate closed\n    seen: x"}},
        {"diagnosticEvent": {"severity": "warning", "message": "not this"}},
        {"summaryEvent": {}},
    ]
    log.write_text("\n".join(json.dumps(line) for line in lines))
    assert errors_in(log) == ["gate closed\n    seen: x"]
    log.write_text("{")
    assert errors_in(log) == []


@pytest.mark.parametrize(("code", "interrupted"), [(0, False), (3, True)])
def test_an_interrupt_is_one_unless_the_command_was_done_all_the_same(
    code: int, interrupted: bool, tmp_path: Path
) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text("config: {}\n")
    session = Session("test", {}, file, known=NOTHING)
    script = f"trap 'exit {code}' INT; sleep 0.5; kill -INT {os.getpid()}; while :; do sleep 0.1; done"
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            session.run(["sh", "-c", script])
    else:
        assert session.run(["sh", "-c", script]) == code
