"""A switch is in the stack's state, where every machine, operator commands and plain pulumi see it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from ops.session import OpsError, Session
from ops.switching import hold, release
from settings.switches import RESOURCE, SETTING, Switch, SwitchesError, as_text, parse, recorded
from tests.unit.recorder import record

OFF = Switch("gateway:tracing", "false", "2026-01-02T03:04:05Z", "ada@example.com", "undo it")
OPEN = Switch("langfuse:signUp", "true", "2026-01-02T03:04:05Z", "ada@example.com", "lock it")


class Known(Session):
    """A stack whose state records switches."""

    outputs: Mapping[str, Any] = {"switches": [vars(OFF)]}

    def text(self, *_: Any, **__: Any) -> str:
        return json.dumps({"deployment": {"resources": [{"type": RESOURCE, "outputs": self.outputs}]}})


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))
    config = tmp_path / "settings.yaml"
    config.write_text("config:\n  gateway:tracing: true\n")
    return Known("test", {}, config)


def test_the_program_obeys_a_switch_records_it_and_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    recording = record({"gateway:tracing": "true"}, tmp_path, monkeypatch, switches=[OFF])
    assert "LANGFUSE_SECRET_KEY" not in recording.env("gateway")
    assert recording.recorded("switches") == {"switches": [vars(OFF)]}
    assert [line for line in said if "is held at" in line] == [
        "gateway:tracing is held at false since 2026-01-02T03:04:05Z by ada@example.com; `undo it` takes it back"
    ]


def test_a_run_that_takes_a_switch_back_records_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = record({SETTING: "[]"}, tmp_path, monkeypatch, switches=[OFF])
    assert "LANGFUSE_SECRET_KEY" in recording.env("gateway")
    assert recording.recorded("switches") == {"switches": []}


def test_operator_commands_obey_a_switch(session: Session) -> None:
    assert (session.settings.gateway.tracing, session.switches) == (False, (OFF,))


def test_a_switch_that_is_held_and_taken_back_leaves_the_others(session: Session) -> None:
    opened = hold(session, OPEN.key, OPEN.value, "lock it")
    assert [switch.key for switch in opened.switches] == [OFF.key, OPEN.key]
    assert opened.settings.langfuse.sign_up
    argv = opened.with_config("up")
    assert SETTING in Path(argv[-1]).read_text()
    assert release(session, OFF.key).switches == ()


def test_what_is_held_already_keeps_its_time_and_author(session: Session) -> None:
    assert hold(session, OFF.key, OFF.value, "another").switches == (OFF,)
    assert SETTING not in Path(session.with_config("up")[-1]).read_text()


@pytest.mark.parametrize("content", ["", "7", "{}", "[7]", '[{"key": "x"}]', "\0"])
def test_a_setting_that_is_no_list_of_switches_is_refused(content: str) -> None:
    with pytest.raises(SwitchesError, match="pulumi config rm"):
        parse(content)


@pytest.mark.parametrize("found", ["text", {"key": "x"}, [7], [{"key": "x"}]])
def test_a_record_of_another_version_stops_every_run(
    found: object, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Known, "outputs", {"switches": found})
    with pytest.raises(OpsError, match="does not know"):
        _ = session.settings
    with pytest.raises(pulumi.RunError, match="does not know"):
        record({}, tmp_path, monkeypatch, switches=found)


def test_as_text_and_parse_are_inverse_and_no_record_is_no_switch() -> None:
    assert parse(as_text([OFF, OPEN])) == (OFF, OPEN)
    assert recorded([{"type": "other"}]) == ()
