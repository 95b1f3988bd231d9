"""Two terminals on one stack: each run plans and applies the settings that it read itself, whatever the other does."""

import gc
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import yaml

import ops.preview
from ops.plan import apply, gated_plan
from ops.session import Session
from ops.terminal import Console
from tests.attacks import attack
from tests.engine.attacked import GUARDS, Attacked

pytestmark = pytest.mark.engine
COPY = "settings of a run"
QUIET = Console(quiet=True)
Disturb = Callable[[Attacked, Session], Callable[[], None]]
"""Does something, and returns what takes it back."""


LOSSY = yaml.safe_dump({"config": {"attacked:edit": "rename", "attacked:without": " ".join(GUARDS)}})
"""Settings with which the program loses its data, once the state has lost what guards it."""


def preview_elsewhere(stack: Attacked, session: Session) -> Callable[[], None]:
    """Another terminal previews other settings of the same stack."""
    other = stack.root / "other.yaml"
    other.write_text(LOSSY)
    replace(session, config_file=other).with_config("preview")
    return lambda: None


def edit_and_put_back(_: Attacked, session: Session) -> Callable[[], None]:
    """An editor saves other settings while the engine starts, and undoes it before anybody compares."""
    before = session.config_file.read_text()
    session.config_file.write_text(LOSSY)

    def put_back() -> None:
        session.config_file.write_text(before)

    return put_back


def disturbed(call: Callable[..., Any], disturb: Disturb, stack: Attacked) -> Callable[..., Any]:
    """An engine call beside which somebody does something else."""

    def called(session: Session, argv: Sequence[str], **options: Any) -> Any:
        put_back = disturb(stack, session)
        try:
            return call(session, argv, **options)
        finally:
            put_back()

    return called


@pytest.mark.parametrize(
    ("disturb", "message"),
    [
        attack(preview_elsewhere, "another terminal's preview as this one applies", COPY, "0 changes", alone=True),
        attack(edit_and_put_back, "edit the settings for as long as the engine starts", COPY, "0 changes", alone=True),
    ],
)
def test_what_is_applied_is_what_this_run_read(
    disturb: Disturb, message: str, stack: Attacked, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.strip(*GUARDS)
    monkeypatch.setattr(Session, "run", disturbed(Session.run, disturb, stack))
    assert apply(session, gated_plan(session, QUIET), QUIET) == 0
    assert stack.holds_data()
    again = Console(record=True, file=io.StringIO())
    assert apply(session, gated_plan(session, QUIET), again) == 0
    assert message in again.export_text()


@pytest.mark.parametrize("disturb", [preview_elsewhere, edit_and_put_back])
def test_what_is_planned_is_what_this_run_read(
    disturb: Disturb, stack: Attacked, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ops.preview, "_run", disturbed(ops.preview._run, disturb, stack))
    assert gated_plan(session, QUIET).plan.changes_nothing


def test_with_the_other_settings_the_data_of_these_tests_is_really_lost(stack: Attacked, session: Session) -> None:
    stack.strip(*GUARDS)
    other = stack.root / "other.yaml"
    other.write_text(session.config_file.read_text().partition("config:")[0] + LOSSY)
    stack.project.run("up", "--yes", "--skip-preview", "--config-file", str(other), check=True)
    assert not stack.holds_data()


def test_each_call_has_a_private_copy_that_goes_with_its_run(session: Session) -> None:
    first, second = (session.with_config("preview")[-1] for _ in range(2))
    other = replace(session)
    third = other.with_config("preview")[-1]
    assert len({first, second, third}) == 3
    folder = session._folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    assert other._folder != folder


def test_what_a_killed_run_left_is_removed_and_what_runs_is_left_alone(session: Session) -> None:
    living = session._folder
    killed = living.with_name("killed")
    killed.mkdir()
    other = replace(session)
    assert other._folder.is_dir()
    assert living.is_dir()
    assert not killed.exists()
    gone = other._folder
    del other
    gc.collect()
    assert not gone.exists()
