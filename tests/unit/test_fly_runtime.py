"""Stop, start, logs and states on Fly go through the platform's own actions, by the apps in the state."""

import json
from typing import Any

import pytest

from ops.runtime import known
from ops.session import OpsError
from ops.stackfile import read_config
from platforms.errors import PlatformError
from platforms.fly import runtime
from platforms.fly.action import Action
from platforms.fly.errors import FlyError
from platforms.fly.looks import Inspect, Logs
from platforms.fly.machines import SetState
from platforms.fly.runtime import FlyRuntime
from platforms.fly.volumes import TakeSnapshot
from settings import load
from tests.unit.recorder import ROOT

CHAIN = (
    "urn:pulumi:prod::langfuse-stack::langfuse-stack:index:ClickHouse$langfuse-stack:fly:Service$command:local:Command"
)
VOLUME = "urn:pulumi:prod::langfuse-stack::langfuse-stack:fly:Volume$command:local:Command"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "…"}
RESOURCES = [
    {"urn": f"{CHAIN}::clickhouse-deploy", "outputs": {"stdout": SECRET}},
    {"urn": f"{CHAIN}::minio-deploy", "outputs": {"stdout": SECRET}},
    {"urn": f"{VOLUME}::clickhouse-data", "outputs": {"stdout": '{"name": "clickhouse_data", "id": "vol_1"}'}},
]
MACHINES = {"apps": {"hotdash-langfuse-clickhouse": {"machines": [{"id": "m1", "state": "started"}]}}}


ANSWERS: dict[type[Action], Any] = {
    Inspect: MACHINES,
    Logs: {"text": "a line"},
    SetState: {},
    TakeSnapshot: {"snapshot": "vs_1"},
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Action]:
    """What the platform was asked; it answers as it would."""
    actions: list[Action] = []

    def ask(action: Action, _: object) -> Any:
        actions.append(action)
        return ANSWERS[type(action)]

    monkeypatch.setattr(runtime, "ask", ask)
    return actions


@pytest.fixture
def host(asked: list[Action]) -> FlyRuntime:  # noqa: ARG001 - for its effect
    settings = load(read_config(ROOT / "Pulumi.prod.yaml"))
    return FlyRuntime(lambda: RESOURCES, settings.fly_app, settings.replicas, {})


def test_services_are_those_that_the_state_knows_as_deployed(host: FlyRuntime) -> None:
    assert known(host, "clickhouse").runs
    assert known(host, "minio").state == "no machine"
    with pytest.raises(OpsError, match="use one of clickhouse, minio"):
        known(host, "clickhouse-data")


@pytest.mark.parametrize(
    "seen",
    [{"error": "no access token"}, {"machines": [{"state": "starting"}, {"state": "stopped"}]}, {"machines": []}],
)
def test_a_service_is_stopped_unless_it_is_known_to_be(
    seen: dict[str, Any], host: FlyRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told that it is stopped already because Fly could not be asked."""
    monkeypatch.setitem(MACHINES, "apps", {"hotdash-langfuse-clickhouse": seen})
    status = known(host, "clickhouse")
    assert not status.rests
    assert (status.state == "unknown") is ("error" in seen)


def test_machines_beyond_the_replicas_are_not_missed(host: FlyRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    surplus = {"machines": [{"state": "started"}, {"state": "stopped"}]}
    monkeypatch.setitem(MACHINES, "apps", {"hotdash-langfuse-clickhouse": surplus})
    assert known(host, "clickhouse").runs


def test_stop_and_start_are_states_of_the_app_and_touch_nothing_else(host: FlyRuntime, asked: list[Action]) -> None:
    host.stop("clickhouse")
    host.start("clickhouse")
    assert host.logs("clickhouse", 50) == "a line"
    app = "hotdash-langfuse-clickhouse"
    assert asked == [
        SetState(app=app, want="stopped"),
        SetState(app=app, want="started", replicas=1),
        Logs(app=app, lines=50),
    ]


def test_states_take_one_look_at_machines_and_facts_take_everything(host: FlyRuntime, asked: list[Action]) -> None:
    assert host.services()["clickhouse"].detail["app"] == "hotdash-langfuse-clickhouse"
    assert host.about()["minio"] == {"app": "hotdash-langfuse-minio"}
    assert [each.machines_only for each in asked if isinstance(each, Inspect)] == [True, False]


def test_a_service_without_an_app_is_refused(host: FlyRuntime, asked: list[Action]) -> None:
    with pytest.raises(PlatformError, match="there is no app of redis"):
        host.stop("redis")
    assert asked == []


def test_a_snapshot_is_taken_of_every_volume_that_the_state_knows(host: FlyRuntime, asked: list[Action]) -> None:
    assert host.snapshots() == {"clickhouse_data": "vs_1"}
    assert asked == [TakeSnapshot(name="clickhouse_data", id="vol_1")]


def test_a_failure_is_told_with_its_fix_and_without_what_looks_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlatformError, match=r"no-such-fly.*not on PATH") as failure:
        runtime.ask(Logs(app="hotdash-langfuse-web"), {"FLY_BIN": "no-such-fly"})
    assert "FLY_BIN" in str(failure.value)
    monkeypatch.setattr(Logs, "do", lambda *_: (_ for _ in ()).throw(FlyError("token=fo1_canaryofatoken refused")))
    with pytest.raises(PlatformError) as failure:
        runtime.ask(Logs(app="hotdash-langfuse-web"), {})
    assert "canary" not in str(failure.value)


@pytest.mark.parametrize("secret", [False, True])
def test_settings_are_those_that_a_service_was_deployed_with(secret: bool, asked: list[Action]) -> None:
    request = json.dumps({"toml": {"env": {"PORT": "3000"}}})
    stdin: Any = {"plaintext": json.dumps(request)} if secret else request
    deployed = {"urn": f"{CHAIN}::clickhouse-deploy", "outputs": {"stdin": stdin}}
    host = FlyRuntime(lambda: [deployed], lambda service: service, lambda _: 1, {})
    assert host.settings_of("clickhouse") == {"PORT": "3000"}
    with pytest.raises(PlatformError, match="the stack has no web-deploy yet: run `make up`"):
        host.settings_of("web")
    assert asked == [], "what it was deployed with is in the state"
