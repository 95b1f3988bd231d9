"""Stop, start, logs and states on Fly go through the platform's own command line, by the apps in the state."""

import json
from typing import Any

import pytest

from ops import fly_host
from ops.fly_host import FlyHost
from ops.host import known
from ops.session import OpsError, Session
from ops.state import State
from settings.recorded import NOTHING
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


class Recording(Session):
    """Answers as the platform would and remembers what it was asked."""

    def json(self, argv: Any, *, stdin: str | None = None) -> Any:
        self.__dict__.setdefault("asked", []).append((argv[-1], json.loads(stdin or "null")))
        return {"inspect": MACHINES, "logs": {"text": "a line"}, "state": {}, "snapshot": {"snapshot": "vs_1"}}[
            argv[-1]
        ]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Recording:
    monkeypatch.setattr(fly_host, "read_state", lambda _: State({"deployment": {"resources": RESOURCES}}))
    return Recording("prod", {}, ROOT / "Pulumi.prod.yaml", known=NOTHING)


def test_services_are_those_that_the_state_knows_as_deployed(session: Recording) -> None:
    host = FlyHost(session)
    assert known(host, "clickhouse").runs
    assert known(host, "minio").state == "no machine"
    with pytest.raises(OpsError, match="use one of clickhouse, minio"):
        known(host, "clickhouse-data")


@pytest.mark.parametrize(
    "seen",
    [{"error": "no access token"}, {"machines": [{"state": "starting"}, {"state": "stopped"}]}, {"machines": []}],
)
def test_a_service_is_stopped_unless_it_is_known_to_be(
    seen: dict[str, Any], session: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told that it is stopped already because Fly could not be asked."""
    monkeypatch.setitem(MACHINES, "apps", {"hotdash-langfuse-clickhouse": seen})
    status = known(FlyHost(session), "clickhouse")
    assert not status.rests
    assert (status.state == "unknown") is ("error" in seen)


def test_machines_beyond_the_replicas_are_not_missed(session: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    surplus = {"machines": [{"state": "started"}, {"state": "stopped"}]}
    monkeypatch.setitem(MACHINES, "apps", {"hotdash-langfuse-clickhouse": surplus})
    assert known(FlyHost(session), "clickhouse").runs


def test_stop_and_start_are_states_of_the_app_and_touch_nothing_else(session: Recording) -> None:
    host = FlyHost(session)
    host.stop("clickhouse")
    host.start("clickhouse")
    assert host.logs("clickhouse", 50) == "a line"
    app = "hotdash-langfuse-clickhouse"
    assert session.__dict__["asked"] == [
        ("state", {"app": app, "want": "stopped"}),
        ("state", {"app": app, "want": "started", "replicas": 1}),
        ("logs", {"app": app, "lines": 50}),
    ]


def test_states_take_one_look_at_machines_and_facts_take_everything(session: Recording) -> None:
    host = FlyHost(session)
    assert host.services()["clickhouse"].detail["app"] == "hotdash-langfuse-clickhouse"
    assert host.facts()["minio"] == {"app": "hotdash-langfuse-minio"}
    assert [asked["machines_only"] for _, asked in session.__dict__["asked"]] == [True, False]


def test_a_service_without_an_app_is_refused(session: Recording) -> None:
    with pytest.raises(OpsError, match="there is no app of redis"):
        FlyHost(session).stop("redis")
    assert "asked" not in session.__dict__


def test_a_snapshot_is_taken_of_every_volume_that_the_state_knows(session: Recording) -> None:
    assert FlyHost(session).snapshots() == {"clickhouse_data": "vs_1"}
    assert session.__dict__["asked"] == [("snapshot", {"name": "clickhouse_data", "id": "vol_1"})]
