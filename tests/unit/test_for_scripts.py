"""With `--json` every command prints exactly one JSON document on standard output, whatever happens."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner, Result

from ops import audit, env, report
from ops.commands import cli
from ops.commands.app import JSON, Told
from ops.decisions import LOG, PLACE_VARIABLE
from ops.refused import COMMANDS as REFUSED
from ops.session import OpsError, Session
from platforms.docker.runtime import DockerRuntime
from tests.unit.recorder import ROOT
from toolchain.report import ToolchainError

WITHOUT: dict[str, str] = dict.fromkeys(REFUSED.keys() - {"destroy"}, "refused by the engine's name, whatever is asked")
"""Commands that have no `--json`, and why."""
CALLS: dict[str, tuple[list[str], int]] = {
    "up": ([], 1),
    "preview": ([], 1),
    "down": ([], 1),
    "stop": (["redis"], 1),
    "start": (["redis"], 1),
    "rollback": ([], 1),
    "clickhouse-reset": ([], 1),
    "status": ([], 2),
    "status --capacity": ([], 2),
    "watch": (["--once"], 2),
    "smoke": ([], 2),
    "doctor": ([], 2),
    "images": ([], 1),
    "env": ([], 1),
    "inventory": ([], 1),
    "inventory --check": ([], 2),
    "migrations": ([], 2),
    "adopt": ([], 1),
    "migrate-state": ([], 1),
    "backup": ([], 1),
    "backup --incremental": ([], 1),
    "backup --list": ([], 2),
    "backup --verify": ([], 2),
    "restore": (["--into", "beside"], 1),
    "rehearse": ([], 1),
    "retention": ([], 2),
    "retention --apply": ([], 2),
    "replay": (["--from", "1h"], 2),
    "replay --apply": (["--from", "1h"], 1),
    "replay --failed": ([], 2),
    "undelete": ([], 2),
    "undelete --apply": ([], 1),
    "upgrade": ([], 2),
    "upgrade --apply": ([], 2),
    "rotate": ([], 2),
    "rotate redis-password": ([], 1),
    "owner-password": ([], 2),
    "members": ([], 2),
    "members add": (["ada@example.com"], 1),
    "members unlock": ([], 1),
    "members lock": ([], 1),
}
"""Each way to call a command that needs the toolchain: what else it takes, and how it exits when it cannot begin."""
NO_TOOLCHAIN = {"evidence", "incident", "new", "destroy"}
"""They need neither engine nor Docker, `destroy` of a stack that is not disposable included: they have own tests."""
NO_STACK_NEEDED = {"status", "images", "migrations"}


def registered(group: Any = None, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""
    found: Any = group or typer.main.get_command(cli)
    for name, command in found.commands.items():
        yield f"{above}{name}", command
        if hasattr(command, "commands"):
            yield from registered(command, f"{above}{name} ")


REGISTERED = dict(registered())


def call(name: str, *options: str) -> Result:
    words, _ = CALLS[name]
    return CliRunner().invoke(cli, [*name.split(), *words, JSON, *options], env={"STACK": None, "CONFIG_FILE": None})


def error_in(result: Result) -> str:
    """The reason in the one document on standard output, which people are told, too."""
    document = json.loads(result.stdout)
    assert set(document) == {"error"}
    assert "Traceback" not in result.stderr
    return str(document["error"])


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with all that is needed, and a backend that knows no stack."""

    def unknown(session: Session, *_: Any, **__: Any) -> str:
        raise OpsError(f"no stack named {session.stack} found")

    def resolved(session: Session, *_: Any, **__: Any) -> dict[str, Any]:
        assert session.settings
        return {}

    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv(PLACE_VARIABLE, str(tmp_path / "artifacts"))
    monkeypatch.setattr("toolchain.ready.make_ready", lambda _: (None, None))
    monkeypatch.setattr("toolchain.environment.environment", lambda *_: {"PATH": "/nowhere"})
    monkeypatch.setattr(Session, "exists", lambda _: False)
    monkeypatch.setattr(Session, "text", unknown)
    monkeypatch.setattr(report, "resolve_images", resolved)


@pytest.mark.parametrize("name", sorted(REGISTERED))
def test_every_command_takes_json_or_is_excused(name: str) -> None:
    options = {option for parameter in REGISTERED[name].params for option in parameter.opts}
    assert (JSON in options) != (name in WITHOUT)
    assert isinstance(REGISTERED[name], Told)


def test_every_command_is_tried_here_and_its_keys_are_told_on_the_page() -> None:
    tried = {name if name in REGISTERED else name.partition(" ")[0] for name in CALLS}
    assert tried | NO_TOOLCHAIN == set(REGISTERED) - set(WITHOUT)
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## For scripts")[2]
    told = {name for row in re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)}
    assert set(REGISTERED) - set(WITHOUT) <= told


@pytest.mark.parametrize("name", CALLS)
def test_without_docker_the_reason_is_the_document(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: object) -> None:
        raise ToolchainError("there is no Docker")

    monkeypatch.setattr("toolchain.ready.make_ready", absent)
    told = call(name)
    assert (told.exit_code, error_in(told)) == (CALLS[name][1], "there is no Docker")
    assert told.stderr == "error: there is no Docker\n"


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("name", CALLS)
def test_of_a_stack_that_nobody_knows_the_reason_is_the_document(name: str) -> None:
    told = call(name, "--stack", "nowhere")
    assert told.exit_code == CALLS[name][1]
    assert "nowhere" in error_in(told)


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("name", sorted(CALLS.keys() - NO_STACK_NEEDED))
def test_of_a_stack_that_was_never_put_up_the_reason_is_the_document(name: str) -> None:
    told = call(name)
    assert told.exit_code == CALLS[name][1]
    assert error_in(told)


@pytest.mark.usefixtures("ready")
def test_nothing_runs_of_a_stack_that_was_never_put_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DockerRuntime, "containers", lambda _: [])
    told = call("status")
    assert (told.exit_code, json.loads(told.stdout)["healthy"]) == (1, False)


@pytest.mark.parametrize("name", [*CALLS, "evidence", "incident", "statsu", "members remove", *REFUSED])
def test_a_call_that_is_not_understood_is_told_as_json(name: str) -> None:
    told = CliRunner().invoke(cli, [*name.split(), JSON, "--frobnicate"])
    assert told.exit_code in {1, 2}
    assert error_in(told)


def test_a_broken_decision_log_is_told_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLACE_VARIABLE, str(tmp_path))
    (tmp_path / LOG).mkdir()
    told = CliRunner().invoke(cli, ["evidence", JSON])
    assert told.exit_code == 2
    assert "cannot be read" in error_in(told)


@pytest.mark.parametrize("words", [["lock", JSON], ["add", "ada@example.com", JSON]])
def test_an_option_that_would_not_be_heeded_is_refused(words: list[str]) -> None:
    told = CliRunner().invoke(cli, ["members", "--stack", "prod", *words])
    assert (told.exit_code, error_in(told)) == (1, f"--stack is not heeded before `{words[0]}`: put it behind")


def test_of_an_unexpected_error_a_script_gets_the_kind_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise ValueError("canary")

    monkeypatch.setattr(audit, "audit", breaks)
    told = CliRunner().invoke(cli, ["evidence", JSON])
    assert (told.exit_code, isinstance(told.exception, ValueError)) == (1, True)
    assert error_in(told).startswith("unexpected ValueError")
    assert "canary" not in told.stdout


def test_an_interrupted_command_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(audit, "audit", interrupted)
    told = CliRunner().invoke(cli, ["evidence", JSON])
    assert (told.exit_code, error_in(told)) == (130, "interrupted; the same command finishes what was begun")


def test_the_names_of_the_applications_keys_are_printed_and_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {"gateway_env": {"LITELLM_MASTER_KEY": "canary", "GATEWAY_URL": "http://127.0.0.1"}}
    session = SimpleNamespace(json=lambda _: outputs, argv=lambda *_: [])
    monkeypatch.setattr(env, "open_session", lambda *_: session)
    told = CliRunner().invoke(cli, ["env", JSON, "--file", str(tmp_path / ".env")])
    names = ["GATEWAY_URL", "LITELLM_MASTER_KEY"]
    assert json.loads(told.stdout) == {"file": str(tmp_path / ".env"), "names": names}
    assert "canary" not in told.output
