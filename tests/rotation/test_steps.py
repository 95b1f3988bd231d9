"""The order of a rotation's steps, and that one which is cut short anywhere is finished by the same command."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ops import inventory, report
from ops.inventory import Difference
from ops.rotation import command, proofs, settings_file
from ops.session import OpsError, RefusedError, Session
from ops.state import State
from policy.inventories import path_of
from settings.recorded import NOTHING


class KilledError(BaseException):
    """The run ends here."""


@dataclass
class World:
    """A stack that remembers what was done to it, and ends a run at its `kill_at`th step."""

    file: Path
    kill_at: int | None = None
    steps: list[str] = field(default_factory=list)
    applied: tuple[int, bool] = (1, False)
    """Generation of the Redis password that runs, and whether the one before is accepted."""
    changes_nothing: bool = True

    def step(self, name: str) -> None:
        self.steps.append(name)
        if self.kill_at is not None and len(self.steps) == self.kill_at:
            raise KilledError

    @property
    def config(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self.file.read_text())["config"])

    def write(self, **changed: Any) -> None:
        config = {**self.config, **{f"langfuse-stack:{key}": value for key, value in changed.items()}}
        self.file.write_text(yaml.safe_dump({"config": {key: v for key, v in config.items() if v is not None}}))

    def begin(self, _session: Session, name: str, number: int) -> None:
        self.step("begin")
        self.write(rotations={name: number}, rotating=name)

    def end(self, _session: Session) -> None:
        self.step("end")
        self.write(rotating=None)

    def converge(self, session: Session, _console: Any, **overrides: Any) -> None:
        self.step("retire" if overrides else "switch")
        stack = session.settings.stack
        self.applied = (stack.rotations.get("redis-password", 1), not overrides and stack.rotating is not None)
        self.step("converged")

    def prove(self, _to: Any, _state: Any, _secret: Any, number: int, *, accepted: bool) -> None:
        self.step(f"prove {number} {accepted}")
        running, overlap = self.applied
        if (number == running or (overlap and number == running - 1)) != accepted:
            raise OpsError("not so")

    def add(self, _stack: str, new: Any) -> None:
        self.step(f"list {', '.join(name for _, name in new)}")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    file = tmp_path / "settings.yaml"
    file.write_text("config: {redis:port: 6379}\n")
    made = World(file)

    @contextmanager
    def recorded(*_arguments: Any) -> Iterator[Any]:
        yield SimpleNamespace(facts={})

    def examined(session: Session) -> tuple[Any, Difference]:
        number = session.settings.stack.rotations["redis-password"]
        new: Any = {("type", f"redis-password-{number}"): {}, ("type", "a-stranger"): {}}
        return None, Difference(new, (), {}, None)

    class Known(Session):
        def exists(self) -> bool:
            return True

    monkeypatch.setattr(command, "open_session", lambda stack, path: Known(stack, {}, path, known=NOTHING))
    monkeypatch.setattr(command, "recorded", recorded)
    monkeypatch.setattr(command, "exclusive", nullcontext)
    monkeypatch.setattr(command, "recover", lambda *_: None)
    monkeypatch.setattr(report, "resolve_images", lambda *_: None)
    monkeypatch.setattr(report, "follow", lambda *_: made.step("follow"))
    monkeypatch.setattr(command, "read_state", lambda *_, **__: State({}))
    monkeypatch.setattr(command, "access", lambda *_: nullcontext())
    plan = SimpleNamespace(plan=SimpleNamespace(changes_nothing=True))
    monkeypatch.setattr(
        command,
        "gated_plan",
        lambda *_: replace_plan(plan, made),
    )
    monkeypatch.setattr(inventory, "examined", examined)
    monkeypatch.setattr(inventory, "add", made.add)
    monkeypatch.setattr(command, "converge", made.converge)
    monkeypatch.setattr(proofs, "prove", made.prove)
    monkeypatch.setattr(settings_file, "begin", made.begin)
    monkeypatch.setattr(settings_file, "end", made.end)
    return made


def replace_plan(plan: SimpleNamespace, world: World) -> SimpleNamespace:
    plan.plan.changes_nothing = world.changes_nothing
    return plan


def rotate(world: World, name: str = "redis-password") -> None:
    command.rotate("test", world.file, name, as_json=False)


STEPS = [
    "begin",
    "list redis-password-2",
    "switch",
    "converged",
    "prove 2 True",
    "prove 1 True",
    "follow",
    "retire",
    "converged",
    "prove 2 True",
    "prove 1 False",
    "follow",
    "end",
]


def test_a_secret_is_made_used_proven_and_only_then_the_old_one_retired(world: World) -> None:
    rotate(world)
    assert world.steps == STEPS
    assert world.config == {"redis:port": 6379, "langfuse-stack:rotations": {"redis-password": 2}}


@pytest.mark.parametrize("at", range(1, len(STEPS) + 1))
def test_a_rotation_that_is_cut_short_at_any_step_is_finished_and_not_begun_again(world: World, at: int) -> None:
    world.kill_at = at
    with pytest.raises(KilledError):
        rotate(world)
    world.kill_at = None
    rotate(world)
    assert world.config["langfuse-stack:rotations"] == {"redis-password": 2}
    assert "langfuse-stack:rotating" not in world.config
    assert world.applied == (2, False)


def test_another_rotation_waits_for_the_one_under_way(world: World) -> None:
    world.kill_at = len(STEPS) - 1
    with pytest.raises(KilledError):
        rotate(world)
    world.kill_at = None
    with pytest.raises(RefusedError, match="run `python -m ops rotate redis-password` first"):
        rotate(world, "nextauth-secret")


def test_a_stack_with_changes_to_come_is_not_rotated(world: World) -> None:
    world.changes_nothing = False
    with pytest.raises(RefusedError, match="run `make up` first"):
        rotate(world)
    assert world.steps == []
    assert world.config == {"redis:port": 6379}


def test_a_script_gets_names_and_generations_and_people_the_rest(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    command.rotate("test", world.file, "redis-password", as_json=True)
    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "secret": "redis-password",
        "generation": 2,
        "previous_accepted": False,
        "review": [str(world.file), str(path_of("test"))],
        "afterwards": None,
    }
    assert "everything changes over to generation 2" in told.err


def test_only_the_new_generation_enters_the_inventory(world: World) -> None:
    rotate(world)
    assert [step for step in world.steps if "stranger" in step] == []
