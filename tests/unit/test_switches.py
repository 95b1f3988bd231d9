"""A switch is seen by operator commands and by plain pulumi alike, and a broken file stops both."""

import json
from pathlib import Path

import pulumi
import pytest

from ops.session import OpsError, Session
from switches import FILE_VARIABLE, Switch, SwitchesError, read_switches, replaced
from tests.unit.recorder import record

OFF = Switch("gateway:tracing", "false", "2026-01-02T03:04:05Z", "ada@example.com", "undo it")


def thrown(path: Path, stack: str = "test", by: Switch | None = OFF) -> None:
    path.write_text(replaced(path, stack, OFF.key, by))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "switches.json"
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    return path


def test_a_switch_holds_until_it_is_taken_back_and_for_its_stack_alone(file: Path) -> None:
    thrown(file)
    thrown(file)
    assert read_switches("test") == [OFF]
    assert read_switches("other") == []
    thrown(file, by=None)
    assert read_switches("test") == []


def test_the_program_obeys_a_switch_and_warns(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    thrown(file)
    gateway = record({"gateway:tracing": "true"}, tmp_path, monkeypatch).env("gateway")
    assert "LANGFUSE_SECRET_KEY" not in gateway
    assert [line for line in said if "is held at" in line] == [
        "gateway:tracing is held at false since 2026-01-02T03:04:05Z by ada@example.com; `undo it` takes it back"
    ]


def test_operator_commands_obey_a_switch(file: Path, tmp_path: Path) -> None:
    thrown(file)
    config = tmp_path / "settings.yaml"
    config.write_text("config:\n  gateway:tracing: true\n")
    session = Session("test", {FILE_VARIABLE: str(file)}, config)
    assert (session.settings.gateway.tracing, session.switches) == (False, [OFF])


@pytest.mark.parametrize("content", ["", "[]", '{"test": [{"key": "x"}]}', '{"test": 7}', "\0"])
def test_a_file_that_is_none_of_ours_stops_every_run(
    content: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(content)
    config = tmp_path / "settings.yaml"
    config.write_text("config: {}\n")
    with pytest.raises(OpsError, match="cannot be read"):
        _ = Session("test", {FILE_VARIABLE: str(file)}, config).settings
    with pytest.raises(pulumi.RunError, match="cannot be read"):
        record({}, tmp_path, monkeypatch)
    with pytest.raises(SwitchesError):
        thrown(file)
    assert file.read_text() == content


def test_a_switch_keeps_those_of_other_stacks(file: Path) -> None:
    thrown(file, "other")
    thrown(file)
    thrown(file, by=None)
    assert read_switches("other") == [OFF]
    assert json.loads(file.read_text())["test"] == []
