"""What a stack's state records of the runs before, and what follows from it."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from ops import lifecycle
from ops.lifecycle import converge
from ops.plan import GatedPlan
from ops.session import RefusedError, Session
from ops.terminal import Console
from policy.data_types import what_is
from policy.plan import Plan, Step
from settings import load, refused_release
from settings.recorded import FOREIGN, MIGRATIONS, NOTHING, Recorded, of_resources
from tests.unit.recorder import record

VANISHED = "urn:pulumi:test::langfuse-stack::docker:index/volume:Volume::gone"
FOUR = {"langfuse:release": "4"}
ON_3 = Recorded(release="3.225.4")


def test_all_data_is_recorded_and_what_was_recorded_is_never_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = record({}, tmp_path, monkeypatch, known_data=[VANISHED])
    data = recording.recorded("history")["data"]
    assert VANISHED in data
    assert all(what_is(urn) for urn in data)
    protected = [entry.name for entry in recording.resources if entry.protect]
    assert sorted(urn.rpartition("::")[2] for urn in data) == sorted([*protected, "gone"])


@pytest.mark.parametrize(("running", "release"), [("true", "3.225.4"), ("false", "3.1.0")])
def test_a_release_is_recorded_once_it_is_proven_and_kept_while_the_stack_is_stopped(
    running: str, release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = record({"langfuse-stack:running": running}, tmp_path, monkeypatch, release="3.1.0")
    assert recording.recorded("history")["release"] == release


def test_a_state_of_before_there_was_a_history_has_its_release_among_its_outputs() -> None:
    stack = {"type": "pulumi:pulumi:Stack", "outputs": {"release": "3.225.4"}}
    assert of_resources([stack]) == ON_3
    history = {"type": "langfuse-stack:index:History", "outputs": {"data": ["a"], "release": ""}}
    assert of_resources([history]) == Recorded(known_data=frozenset("a"))
    assert of_resources([]) == NOTHING


@pytest.mark.parametrize(
    ("config", "before"),
    [
        (FOUR, NOTHING),
        (FOUR, Recorded(release="4.15.0")),
        ({"langfuse:version": "3.226.0"}, ON_3),
        ({**FOUR, "langfuse-stack:upgrading": "true"}, ON_3),
        ({**FOUR, "langfuse-stack:running": "false"}, ON_3),
    ],
)
def test_a_fresh_stack_a_minor_version_and_an_upgrade_may(config: dict[str, str], before: Recorded) -> None:
    assert refused_release(load(config, before)) == ""


def test_a_new_major_release_over_data_is_refused_with_the_command_that_takes_it() -> None:
    assert "`python -m ops upgrade --apply`" in refused_release(load(FOUR, ON_3))


def test_no_command_but_upgrade_puts_it_over_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("config: {langfuse:release: '4'}\n")
    session = Session("test", {}, config, known=ON_3)
    done: list[Any] = []

    def planned(*_: Any, **overrides: Any) -> GatedPlan:
        done.append(overrides)
        return GatedPlan(Plan(steps=(Step(op="same", urn="urn:a"),)), {})

    monkeypatch.setattr(lifecycle, "gated_plan", planned)
    monkeypatch.setattr(lifecycle, "apply", lambda *_, **__: 0)
    with pytest.raises(RefusedError, match="ops upgrade"):
        converge(session, Console(quiet=True))
    assert done == []
    converge(session, Console(quiet=True), upgrading=True)
    converge(session, Console(quiet=True), running=False)
    assert done == [{"upgrading": True}, {"running": False}]


def test_plain_pulumi_is_told_in_a_preview_and_refused_in_an_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    record(FOUR, tmp_path, monkeypatch, release="3.225.4")
    assert "`up` would refuse this: Langfuse 3.225.4 has migrated" in "".join(said)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(pulumi.RunError, match="has migrated the data of this stack"):
        record(FOUR, tmp_path, monkeypatch, release="3.225.4")


@pytest.mark.parametrize(
    ("taken", "retake", "compared", "stale"),
    [
        (None, None, None, None),
        ("10:00", None, None, "10:00"),
        ("10:00", None, "09:00", "10:00"),
        ("10:00", None, "10:00", None),
        ("10:05", "10:00", "09:00", "10:05"),
        ("10:05", "10:00", "10:05", "10:00"),
    ],
)
def test_a_snapshot_of_foreign_schemas_is_stale_until_one_was_compared_and_then_no_run_differs_by_it(
    taken: str | None, retake: str | None, compared: str | None, stale: str | None
) -> None:
    gate = {"evidence": {"foreign": {"taken_at": taken}}, **({"retake": retake} if retake else {})}
    state = [{"type": MIGRATIONS, "outputs": gate}] if taken else []
    state += [{"type": FOREIGN, "outputs": {"before": {"taken_at": compared}}}] if compared else []
    assert of_resources(state).stale_snapshot == stale
