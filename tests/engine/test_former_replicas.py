"""Replicas that a former version ran as apps of their own are named, stopped and forgotten, with the real engine."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

import ops.former_replicas
import ops.session
from ops.former_replicas import former_replicas, refuse_former_replicas, retire
from ops.session import RefusedError, Session
from ops.state import read_state
from platforms.errors import PlatformError
from platforms.fly.action import Action
from platforms.fly.looks import Inspect
from platforms.fly.machines import SetState
from tests.engine.attacked import Attacked

pytestmark = pytest.mark.engine
OLD = ("langfuse-web-2", "langfuse-web-proxy", "langfuse-worker-2")
KIND = {"app": "App", "secrets": "Secrets", "deploy": "Service", "state": "State"}


def entries(root: str, service: str) -> list[dict[str, Any]]:
    """What a former version kept of one further replica: parts and commands, the app as data."""
    project = "::".join(root.split("::")[:2])
    made: list[dict[str, Any]] = []
    for action, kind in KIND.items():
        chain, name = f"langfuse-stack:fly:{kind}", f"{service}-{action}"
        part = {"urn": f"{project}::{chain}::{name}", "custom": False, "type": chain, "parent": root}
        command = {
            "urn": f"{project}::{chain}$command:local:Command::{name}",
            "custom": True,
            "id": name,
            "type": "command:local:Command",
            "parent": part["urn"],
            "protect": action == "app",
            "inputs": {"create": f"python3 -m platforms.fly {action}"},
            "outputs": {"stdout": json.dumps({"app": f"hotdash-{service}"})},
            "dependencies": [made[-1]["urn"]] if made else [],
            "propertyDependencies": {"stdin": [made[-1]["urn"]]} if made else {},
        }
        made += [part, command]
    return made


@pytest.fixture
def old(stack: Attacked, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A stack with such replicas, and a gate that waits for one of them."""
    for module in (ops.former_replicas, ops.session):
        monkeypatch.setattr(module, "ROOT", stack.project.folder, raising=False)
    session = Session("test", stack.project.environment, stack.project.folder / "Pulumi.test.yaml")
    exported = session.json(session.argv("stack", "export"))
    resources = exported["deployment"]["resources"]
    root = next(entry["urn"] for entry in resources if entry["type"] == "pulumi:pulumi:Stack")
    first, *rest = resources
    made = [entry for service in OLD for entry in entries(root, service)]
    waiting = rest[-1]
    waiting["dependencies"] = [*waiting.get("dependencies", []), made[-1]["urn"]]
    exported["deployment"]["resources"] = [first, *made, *rest]
    session.text(session.argv("stack", "import", "--force"), stdin=json.dumps(exported))
    return session


class Platform:
    """Answers as Fly does: the proxy's app is gone already."""

    def __init__(self) -> None:
        self.asked: list[Action] = []
        self.stops = True

    def __call__(self, action: Action, _: Mapping[str, str]) -> Any:
        self.asked.append(action)
        if isinstance(action, SetState) and not self.stops:
            raise PlatformError("machine m1 is started")
        if isinstance(action, Inspect):
            return {"apps": {app: {} if "proxy" in app else {"machines": [{"id": "m1"}]} for app in action.apps}}
        return {}


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    made = Platform()
    monkeypatch.setattr(ops.former_replicas, "ask", made)
    return made


def test_a_run_is_refused_by_name_with_the_way(old: Session) -> None:
    state = read_state(old)
    with pytest.raises(RefusedError, match=f"^{', '.join(OLD)}: .*ops migrate-state --stack test"):
        refuse_former_replicas(old, state)


def test_they_are_stopped_and_forgotten_and_nothing_else_is(old: Session, platform: Platform) -> None:
    before = {entry["urn"] for entry in read_state(old).resources}
    assert retire(old) == {service: f"hotdash-{service}" for service in OLD}
    stopped = [action.app for action in platform.asked if isinstance(action, SetState) and action.want == "stopped"]
    assert stopped == ["hotdash-langfuse-web-2", "hotdash-langfuse-worker-2"]
    state = read_state(old)
    gone = before - {entry["urn"] for entry in state.resources}
    assert {urn.rpartition("::")[2] for urn in gone} == {f"{service}-{action}" for service in OLD for action in KIND}
    refuse_former_replicas(old, state)
    old.text(old.argv("preview", "--expect-no-changes"))
    assert retire(old) == {}, "twice is the same as once"


def test_one_that_does_not_stop_stays_known(old: Session, platform: Platform) -> None:
    platform.stops = False
    with pytest.raises(PlatformError, match="machine m1 is started"):
        retire(old)
    assert set(former_replicas(read_state(old))) == set(OLD)


def test_replicas_that_are_containers_of_this_machine_are_not_meant() -> None:
    from ops.state import State

    urn = "urn:pulumi:local::p::langfuse-stack:index:LangfuseWeb$docker:index/container:Container::langfuse-web-2"
    assert former_replicas(State({"deployment": {"resources": [{"urn": urn}]}})) == {}
