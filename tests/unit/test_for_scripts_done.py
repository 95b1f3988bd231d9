"""What a script gets of commands that did what they were asked for, and that all else is on standard error."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from checks.base import CheckFailedError
from ops import incident, lifecycle, plan, power, report, reset, rollback
from ops.commands import cli
from ops.members import command as members
from ops.members import scim
from ops.plan import GatedPlan, gated_plan
from ops.session import OpsError, Session
from ops.smoke import BrokenHopError, Hop
from ops.state import State
from ops.terminal import Console
from ops.upgrade import command as upgrade
from ops.upgrade import show
from ops.upgrade.decide import Verdict
from platforms.spec import Status
from policy.plan import Plan, Step
from settings.recorded import Recorded
from settings.switches import Switch

URN = "urn:pulumi:test::langfuse-stack::docker:index/container:Container::gateway"
PLAN = Plan(steps=(Step(op="update", urn=URN, diffReasons=("image",)), Step(op="same", urn=f"{URN}-2")))
CHANGES = {"steps": [{"op": "update", "urn": URN, "changed": ["image"]}], "unchanged": 1, "missing_guards": {}}
HOP = Hop("gateway answer", "model smoke said 'pong'", 118.0)
OUTPUTS = {
    "langfuse_url": "http://localhost:3000",
    "gateway_url": "http://localhost:4000",
    "checks": {"redis": "ok"},
    "gateway_master_key": "[secret]",
}
UP = {**CHANGES, "hops": [asdict(HOP)], **{name: OUTPUTS[name] for name in ("langfuse_url", "gateway_url", "checks")}}
FOLLOW = report.follow
STATE: list[Switch] = []
"""Switches that the stack's state records."""
ENGINE = [sys.executable, "-c", "print('the engine speaks')"]


class Known(Session):
    """A stack that the backend knows."""

    def exists(self) -> bool:
        return True

    def create(self) -> None:
        """It is there."""

    def with_config(self, *_: str, **__: Any) -> list[str]:
        return ENGINE

    def check_passphrase(self) -> None:
        """It opens the stack."""

    @property
    def recorded(self) -> Recorded:
        return Recorded(STATE)


class Docker:
    """A host whose services all run, until one is stopped."""

    def __init__(self) -> None:
        self.state = "running"

    def services(self) -> Mapping[str, Status]:
        return {"redis": Status("redis", self.state, {})}

    def stop(self, _service: str) -> None:
        self.state = "exited"

    def start(self, _service: str) -> None:
        self.state = "running"


@contextmanager
def recorded(*_: Any) -> Iterator[Any]:
    yield SimpleNamespace(facts={}, folder=Path())


def apply(session: Session, _gated: GatedPlan, console: Console, **_: Any) -> int:
    console.print("0 changes, 2 unchanged")
    STATE[:] = STATE if session.held is None else session.held
    return session.run(ENGINE, aside=console.stderr)


@pytest.fixture(autouse=True)
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack whose engine says something and succeeds."""
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"config": {}}))
    STATE.clear()
    host = Docker()
    for module in (lifecycle, rollback, members, power, reset, upgrade):
        monkeypatch.setattr(module, "open_session", lambda name, _, **__: Known(name, {}, file))
    for module in (lifecycle, rollback, members, power, reset):
        monkeypatch.setattr(module, "recorded", recorded)
        monkeypatch.setattr(module, "exclusive", nullcontext)
    for module in (lifecycle, rollback, members, reset):
        monkeypatch.setattr(module, "recover", lambda *_: None)
    for module in (lifecycle, rollback):
        monkeypatch.setattr(module, "access", lambda *_: nullcontext())
    for module in (power, rollback):
        monkeypatch.setattr(module, "runtime_of", lambda _: host)
    monkeypatch.setattr(lifecycle, "preflight", lambda *_: None)
    monkeypatch.setattr(lifecycle, "gated_plan", lambda *_, **__: GatedPlan(PLAN, {}))
    monkeypatch.setattr(lifecycle, "apply", apply)
    monkeypatch.setattr(report, "resolve_images", lambda _, console: console.print("service version source"))
    monkeypatch.setattr(lifecycle, "refuse_unlocked", lambda *_: None)
    monkeypatch.setattr(report, "follow", lambda *_: [HOP])
    monkeypatch.setattr(report, "summary", lambda *_: OUTPUTS)


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """The one document on standard output of a command that ends well; engines write there as well."""

    def tells(*words: str, code: int = 0, stdin: str = "") -> Any:
        result = CliRunner().invoke(cli, [*words, "--json"], input=stdin)
        assert (result.exit_code, capfd.readouterr().out) == (code, ""), result.output
        return json.loads(result.stdout)

    return tells


def test_up_tells_what_changed_the_hops_of_the_trace_and_each_gate(told: Callable[..., Any]) -> None:
    assert told("up") == UP


def test_preview_and_down_tell_what_changes(told: Callable[..., Any]) -> None:
    assert told("preview") == {**CHANGES, "shape_only": False}
    assert told("down") == CHANGES


@pytest.mark.parametrize("command", ["up", "preview"])
def test_where_no_changes_are_expected_a_plan_with_one_is_refused_by_name_and_not_applied(
    command: str, told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "apply", lambda *_, **__: pytest.fail("applied"))
    error = told(command, "--expect-no-changes", code=1)["error"]
    assert error == "no changes were expected, and there are 1: update gateway. Nothing was applied"


def test_where_no_changes_are_expected_and_there_are_none_a_command_ends_well(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "gated_plan", lambda *_, **__: GatedPlan(Plan(steps=PLAN.steps[1:]), {}))
    for command in ("up", "preview"):
        assert told(command, "--expect-no-changes")["steps"] == []


def test_a_preview_without_a_state_says_that_it_judges_the_shape_alone(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "gated_plan", lambda *_, **__: GatedPlan(PLAN, {}, judges_shape_only=True))
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://user:canary@states.example.com/stacks")
    assert told("preview")["shape_only"] is True
    said = CliRunner().invoke(cli, ["preview"]).output
    assert "shape only" in said
    assert "s3://states.example.com/stacks has nothing of stack local yet" in said
    assert "canary" not in said


def test_the_engine_speaks_on_standard_error_for_a_script_and_on_standard_output_for_people(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for options, place in ((["--json"], "err"), ([], "out")):
        assert CliRunner().invoke(cli, ["down", *options]).exit_code == 0
        assert getattr(capfd.readouterr(), place) == "the engine speaks\n"


def test_a_failure_of_the_engine_is_told_with_its_code(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "apply", lambda *_, **__: 255)
    for words in (["up"], ["down"], ["rollback"], ["members", "lock"]):
        assert told(*words, code=1) == {"error": "the engine ended with exit code 255: what it said before says why"}


def test_a_preview_that_fails_lets_the_engine_speak_beside_the_document(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = SimpleNamespace(plan=PLAN, state=State({}), ran=SimpleNamespace(returncode=255, stderr=""), stands_on={})
    monkeypatch.setattr(lifecycle, "gated_plan", gated_plan)
    monkeypatch.setattr(plan, "preview", lambda *_, **__: failed)
    monkeypatch.setattr(plan, "judge", lambda *_, **__: SimpleNamespace(notes=(), refusals=()))
    assert "there is no plan to apply" in told("preview", code=1)["error"]


def test_a_broken_hop_is_told_with_what_was_seen_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise BrokenHopError("taken by the worker", CheckFailedError("LLEN", "3 jobs wait", "start the worker"), [])

    monkeypatch.setattr(report, "follow_trace", breaks)
    with pytest.raises(OpsError, match="no call gets past its hop 'taken by the worker': 3 jobs wait"):
        FOLLOW(SimpleNamespace(tracing=True), Console(stderr=True))  # type: ignore[arg-type]


def test_a_step_of_an_upgrade_is_told_with_its_plan_alone(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(session: Session, _to: str | None, console: Console, **_: Any) -> Any:
        lifecycle.converge(session, console)
        return SimpleNamespace(decision=SimpleNamespace(verdict=Verdict.LEGAL))

    monkeypatch.setattr(upgrade, "take", take)
    monkeypatch.setattr(show, "as_dict", lambda *_: {"verdict": "legal"})
    assert told("upgrade", "--apply") == {"applied": True, "verdict": "legal"}
    monkeypatch.setattr(lifecycle, "apply", lambda *_, **__: 255)
    assert "exit code 255" in told("upgrade", "--apply", code=1)["error"]


def test_rollback_tells_the_switch_and_undo_that_it_is_gone(told: Callable[..., Any]) -> None:
    off = told("rollback")
    assert [switch["key"] for switch in off.pop("switches")] == ["gateway:tracing"]
    assert off == {"tracing": False, **CHANGES, "hops": [asdict(HOP)]}
    assert told("rollback", "--undo") == {"tracing": True, "switches": [], **CHANGES, "hops": [asdict(HOP)]}


def test_the_door_is_told_open_with_its_switch_and_closed_without(told: Callable[..., Any]) -> None:
    opened = told("members", "unlock")
    assert (opened["sign_up"], [switch["key"] for switch in opened["switches"]]) == (True, ["langfuse:signUp"])
    assert told("members", "lock") == {"sign_up": False, "switches": [], **CHANGES}


@pytest.mark.parametrize(("new", "role"), [(True, "VIEWER"), (False, None)])
def test_a_member_is_told_with_the_role_unless_it_was_one_before(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, role: str | None, *, new: bool
) -> None:
    monkeypatch.setattr(scim, "keys", lambda: scim.Keys("pk", "sk"))
    monkeypatch.setattr(scim, "add", lambda *_: new)
    added = told("members", "add", "ada@example.com", "--role", "VIEWER")
    assert added == {"email": "ada@example.com", "added": new, "role": role}


def test_stop_and_start_tell_whether_there_was_anything_to_do(told: Callable[..., Any]) -> None:
    for verb, runs, changed in (("stop", False, True), ("stop", False, False), ("start", True, True)):
        assert told(verb, "redis") == {"service": "redis", "runs": runs, "changed": changed}


def test_a_reset_tells_the_copy_and_asks_for_the_name_on_standard_error(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reset, "read_state", lambda _: SimpleNamespace(output=lambda *_: "clickhouse_data"))
    monkeypatch.setattr(report, "resolve_images", lambda *_: {"clickhouse": None})
    monkeypatch.setattr(reset, "_require_unused", lambda *_: None)
    monkeypatch.setattr(reset, "_back_up", lambda *_: "clickhouse_data_backup_1")
    monkeypatch.setattr(reset, "_script", lambda *_: "")
    done = told("clickhouse-reset", stdin="clickhouse_data\n")
    assert done == {"emptied": "clickhouse_data", "backup": "clickhouse_data_backup_1", **UP}
    assert "nothing was touched" in told("clickhouse-reset", stdin="yes\n", code=1)["error"]


def test_an_incident_tells_its_bundle_its_files_and_what_is_missing(
    told: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LANGFUSE_STACK_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setattr(incident, "_session", lambda *_: None)

    def gather(_session: Any, bundle: incident.Bundle) -> Callable[[str], str]:
        bundle.files["gates.json"] = "{}"
        bundle.missing["logs"] = "the canary does not sing"
        return lambda text: text.replace("canary", "…")

    monkeypatch.setattr(incident, "_gather", gather)
    done = told("incident")
    assert Path(done["bundle"]).is_file()
    assert done["files"] == ["gates.json", "incident.json"]
    assert done["missing"] == {"logs": "the … does not sing"}
