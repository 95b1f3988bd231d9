"""Workers stop before a store does, and start again after it, in every run of the engine."""

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops import lifecycle, workers
from ops.session import OpsError, Session
from ops.terminal import Console
from platforms.spec import Status
from policy.plan import Plan, Step
from settings.recorded import NOTHING

COMPONENT = "urn:pulumi:prod::langfuse-stack::langfuse-stack:index:"
FLY = f"{COMPONENT}ClickHouse$langfuse-stack:fly:Service$command:local:Command::clickhouse-deploy"
DOCKER = f"{COMPONENT}Redis$docker:index/container:Container::redis"
STOPPED = ["stop langfuse-worker", "stop langfuse-worker-2"]
STARTED = ["start langfuse-worker", "start langfuse-worker-2"]


class KilledError(BaseException):
    """The run ends here."""


@dataclass
class TwoWorkers:
    """A host that remembers what was stopped and started, and fails at one of these steps."""

    fails_at: str = ""
    done: list[str] = field(default_factory=list)
    resting: str = ""

    def services(self) -> dict[str, Status]:
        names = ["clickhouse", "langfuse-worker-2", "langfuse-web", "langfuse-worker", "langfuse-web-2"]
        return {name: Status(name, "exited" if name == self.resting else "running", {}) for name in names}

    def stop(self, name: str) -> None:
        self._do(f"stop {name}")

    def start(self, name: str) -> None:
        self._do(f"start {name}")

    def _do(self, step: str) -> None:
        self.done.append(step)
        if step == self.fails_at:
            raise OpsError(step)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoWorkers:
    made = TwoWorkers()
    monkeypatch.setattr(workers, "runtime_of", lambda _: made)
    monkeypatch.setattr(workers, "state_dir", lambda: tmp_path)
    return made


def waiting(op: str = "update", urn: str = FLY, *, running: bool = True) -> Any:
    session = Session("test", {}, Path("none.yaml"))
    return workers.workers_waiting(session, Plan(steps=(Step(op=op, urn=urn),)), Console(quiet=True), running=running)


@pytest.mark.parametrize(("op", "urn"), [("update", FLY), ("replace", DOCKER), ("delete", DOCKER)])
def test_every_worker_waits_while_a_store_restarts(op: str, urn: str, host: TwoWorkers) -> None:
    with waiting(op, urn):
        assert host.done == STOPPED
    assert host.done == [*STOPPED, *STARTED]


def test_workers_are_not_started_where_everything_is_stopped(host: TwoWorkers) -> None:
    with waiting(running=False):
        assert host.done == STOPPED
    with waiting("same"):
        pass
    assert host.done == STOPPED


@pytest.mark.parametrize(
    ("op", "urn"),
    [
        ("create", FLY),
        ("same", FLY),
        ("update", f"{COMPONENT}ClickHouse$langfuse-stack:fly:Volume$command:local:Command::clickhouse-data"),
        ("replace", f"{COMPONENT}Redis$docker:index/container:Container::cache"),
        ("update", f"{COMPONENT}Redis$langfuse-stack:fly:Service$command:local:Command::cache-deploy"),
        ("replace", f"{COMPONENT}LangfuseWeb$docker:index/container:Container::langfuse-web"),
    ],
)
def test_no_worker_waits_where_the_stores_go_on(op: str, urn: str, host: TwoWorkers) -> None:
    with waiting(op, urn):
        pass
    assert host.done == []


def test_a_worker_that_rests_already_is_left_so(host: TwoWorkers) -> None:
    host.resting = "langfuse-worker"
    with waiting():
        pass
    assert host.done == [STOPPED[1], STARTED[1]]


@pytest.mark.parametrize("error", [OpsError("not applied"), KilledError()])
def test_every_worker_starts_again_whatever_happens(host: TwoWorkers, error: BaseException) -> None:
    host.fails_at = STARTED[0]
    with pytest.raises(type(error)) as raised, waiting():
        raise error
    assert raised.value is error
    assert host.done == [*STOPPED, *STARTED]


def test_a_worker_that_cannot_be_stopped_leaves_none_stopped(host: TwoWorkers) -> None:
    host.fails_at = STOPPED[1]
    with pytest.raises(OpsError, match=STOPPED[1]), waiting():
        raise AssertionError
    assert host.done == [*STOPPED, *STARTED]


def test_a_worker_that_does_not_start_keeps_no_other_from_starting(host: TwoWorkers) -> None:
    host.fails_at = STARTED[0]
    with pytest.raises(OpsError, match=STARTED[0]), waiting():
        pass
    assert host.done == [*STOPPED, *STARTED]


def test_workers_that_a_killed_run_stopped_are_started_by_the_next_one(host: TwoWorkers, tmp_path: Path) -> None:
    (tmp_path / "test.waiting-workers.json").write_text(json.dumps(["langfuse-worker", "langfuse-worker-9"]))
    with waiting("same"):
        assert host.done == []
    assert host.done == STARTED[:1]
    with waiting("same"):
        pass
    assert host.done == STARTED[:1]


@pytest.mark.parametrize("running", [None, False])
def test_every_run_of_the_engine_stops_workers_first(
    running: bool | None, host: TwoWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`up`, `down`, `upgrade`, `rotate` and `rollback` all converge."""
    plan = SimpleNamespace(plan=Plan(steps=(Step(op="update", urn=DOCKER),)))
    seen: list[str] = []

    def applied(*_: Any, **__: Any) -> int:
        seen.extend(host.done)
        return 0

    monkeypatch.setattr(lifecycle, "gated_plan", lambda *_, **__: plan)
    monkeypatch.setattr(lifecycle, "apply", applied)
    settings = tmp_path / "Pulumi.test.yaml"
    settings.write_text("config: {}\n")
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))
    lifecycle.converge(Session("test", {}, settings, known=NOTHING), Console(quiet=True), running=running)
    assert seen == STOPPED
    assert host.done == ([*STOPPED, *STARTED] if running is None else STOPPED)


WEBS = [f"{COMPONENT}LangfuseWeb$docker:index/container:Container::langfuse-web{number}" for number in ("", "-2")]


def taken_down(console: Console) -> Any:
    steps = tuple(Step(op="delete", urn=urn) for urn in (DOCKER, *WEBS))
    return workers.workers_waiting(Session("test", {}, Path("none.yaml")), Plan(steps=steps), console, running=False)


def test_webs_are_stopped_together_and_the_wait_is_named(host: TwoWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2, timeout=10)
    monkeypatch.setattr(host, "stop", lambda name: together.wait() if "web" in name else None)
    console = Console(record=True, width=200)
    with taken_down(console):
        pass
    assert "stopping langfuse-web, langfuse-web-2: web serves on for up to 120 s" in console.export_text()


def test_webs_that_an_interrupted_down_stopped_are_started_by_the_next_run(host: TwoWorkers) -> None:
    with pytest.raises(KeyboardInterrupt), taken_down(Console(quiet=True)):
        raise KeyboardInterrupt
    assert sorted(host.done) == sorted([*STOPPED, "stop langfuse-web", "stop langfuse-web-2"])
    host.done.clear()
    with waiting("same"):
        pass
    assert sorted(host.done) == sorted([*STARTED, "start langfuse-web", "start langfuse-web-2"])


@pytest.mark.parametrize(
    ("service", "code", "told"),
    [
        ("langfuse-worker", 137, True),
        ("langfuse-worker-2", 137, True),
        ("langfuse-worker", 0, False),
        ("langfuse-worker", 1, False),
        ("langfuse-web", 137, False),
    ],
)
def test_only_a_killed_worker_leads_to_a_replay(
    service: str, code: int, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.tell_of_killed({service: code, "redis": 137}, Console())
    said = capsys.readouterr().out
    assert ("ops replay" in said, service in said) == (told, told)
