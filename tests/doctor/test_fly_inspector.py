"""Looks into apps of Fly, with answers as `python -m platforms.fly` gives them."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ops.doctor.access import NOWHERE, Access, from_settings
from ops.doctor.examine import examine
from ops.doctor.looks import environment
from ops.doctor.row import Result
from ops.doctor.rows import ROWS
from ops.stackfile import read_config
from platforms.errors import PlatformError
from platforms.fly import client
from platforms.fly.client import Call, caller
from platforms.fly.runtime import SERVICE, FlyRuntime
from settings import load
from tests.unit.recorder import ROOT

SETTINGS = load(read_config(ROOT / "Pulumi.prod.yaml"))
SERVICES = ("clickhouse", "minio", "langfuse-web", "langfuse-worker", "relay", "relay-proxy", "gateway")
APPS = {service: SETTINGS.fly_app(service) for service in SERVICES}
WEB = APPS["langfuse-web"]
MACHINE = {
    "name": "quiet-sea-1",
    "state": "started",
    "health": "healthy",
    "image": "a@sha256:1",
    "restarts": 0,
    "out_of_memory": False,
}


@dataclass
class Fly:
    """Answers as the platform does."""

    machines: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {app: [MACHINE] for app in APPS.values()})
    env: dict[str, str] = field(default_factory=lambda: {"SALT": "canary", "PORT": "3000"})
    reached: str = "ok"
    written: str = ""
    failing: set[str] = field(default_factory=set)
    unread: str = ""
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def __call__(self, action: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((action, request))
        app = request["app"]
        if app in self.failing:
            raise PlatformError(f"fly machine list -a {app}: no access token available")
        answers: Mapping[str, Callable[[], Mapping[str, Any]]] = {
            "look": lambda: self._looked(app, told=request["environment"]),
            "reach": lambda: {"seen": dict.fromkeys(request["targets"], self.reached)},
            "filesystem": lambda: {"type": "ext2/ext3\n".strip()},
            "recent": lambda: {"text": self.written},
            "migration": lambda: {"text": None},
        }
        return answers[action]()

    def _looked(self, app: str, *, told: bool) -> Mapping[str, Any]:
        seen: dict[str, Any] = {"app": app, "machines": self.machines[app]}
        if told and self.unread:
            return {**seen, "unread": self.unread}
        return {**seen, **({"env": self.env, "secrets": ["SALT"]} if told else {})}


def deployed(call: Call, services: Sequence[str] = SERVICES) -> FlyRuntime:
    resources = [{"urn": f"urn:pulumi:prod::p::{SERVICE}::{service}-deploy"} for service in services]
    return FlyRuntime(lambda: resources, SETTINGS.fly_app, SETTINGS.replicas, {}, call)


@pytest.fixture
def fly() -> Fly:
    return Fly()


def access(fly: Fly, **changes: Any) -> Access:
    made = from_settings(SETTINGS, lambda _: "", deployed(fly), stack="prod")
    return replace(made, **changes)


def seen(to: Access, row: str) -> Result:
    [result] = examine([entry for entry in ROWS if entry.id == row], to, seconds=5)
    return result


def test_every_app_is_asked_once_whoever_asks_and_only_three_are_entered(fly: Fly) -> None:
    looks = deployed(fly)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: looks.instances(), range(16)))
    assert all(answer == answers[0] for answer in answers)
    assert sorted(request["app"] for _, request in fly.asked) == sorted(APPS.values())
    entered = {request["app"] for _, request in fly.asked if request["environment"]}
    assert entered == {APPS[service] for service in ("langfuse-web", "langfuse-worker", "gateway")}


def test_apps_are_asked_at_the_same_time() -> None:
    together = threading.Barrier(len(APPS), timeout=5)
    answers = Fly()

    def call(action: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        together.wait()
        return answers(action, request)

    assert set(deployed(call).instances()) == set(APPS)


def test_the_same_targets_are_reached_once(fly: Fly) -> None:
    looks = deployed(fly)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: looks.reach("langfuse-web", ["a:1"]), range(4))) == [{"a:1": "ok"}] * 4
    assert len(fly.asked) == 1


def test_facts_are_those_of_the_machine(fly: Fly) -> None:
    fly.machines[WEB] = [{**MACHINE, "restarts": 3, "out_of_memory": True, "health": "starting"}]
    [facts] = deployed(fly).instances()["langfuse-web"]
    assert (facts.name, facts.state, facts.health, facts.image) == (WEB, "running", "starting", "a@sha256:1")
    assert (facts.restarts, facts.out_of_memory, dict(facts.env), set(facts.secrets)) == (3, True, fly.env, {"SALT"})


def test_machines_that_run_are_well(fly: Fly) -> None:
    result = seen(access(fly), "containers")
    assert (result.verdict, result.evidence) == ("healthy", "7 machines run")


def test_only_what_the_stack_runs_itself_can_be_absent(fly: Fly) -> None:
    del fly.machines[WEB][:]
    result = seen(access(fly), "containers")
    assert (result.verdict, result.evidence) == ("finding", "langfuse-web is absent")


def test_a_stopped_machine_is_found_and_its_fix_says_what_works_there(fly: Fly) -> None:
    fly.machines[WEB] = [{**MACHINE, "state": "stopped", "out_of_memory": True, "restarts": 2}]
    result = seen(access(fly), "containers")
    assert result.evidence == f"{WEB} is stopped, out of memory after 2 restarts"
    assert result.fix.startswith("`python -m ops start langfuse-web`")
    assert f"`fly logs --no-tail -a {WEB} | python -m ops doctor - --stack prod`" in result.fix


def test_an_unhealthy_machine_is_found(fly: Fly) -> None:
    fly.machines[WEB] = [{**MACHINE, "health": "unhealthy"}]
    assert seen(access(fly), "containers").evidence == f"{WEB} is unhealthy"


def test_an_app_that_cannot_be_asked_is_neither_well_nor_absent(fly: Fly) -> None:
    fly.failing.add(APPS["minio"])
    to = access(fly)
    result = seen(to, "containers")
    assert result.verdict == "not seen"
    assert "no access token" in result.evidence
    assert environment(to.inspector, "langfuse-web") == fly.env, "the others are seen"


def test_what_a_machine_was_given_is_not_guessed(fly: Fly) -> None:
    fly.unread = f"no machine of app {WEB} runs"
    result = seen(access(fly), "langfuse-encryption-key")
    assert (result.verdict, result.evidence) == ("not seen", fly.unread)


def test_two_webs_are_found_by_their_machines(fly: Fly) -> None:
    fly.machines[WEB] = [{**MACHINE, "name": "one"}, {**MACHINE, "name": "two"}]
    assert seen(access(fly), "langfuse-two-webs").evidence == f"2 webs run: {WEB}/one, {WEB}/two"
    fly.failing.add(WEB)
    assert seen(access(fly), "langfuse-two-webs").verdict == "not seen"


def test_names_that_only_have_newer_addresses_are_usual_there(fly: Fly) -> None:
    fly.env |= {"CLICKHOUSE_URL": "http://a.internal:8123", "CLICKHOUSE_MIGRATION_URL": "clickhouse://a.internal:9000"}
    fly.reached = "ok, only IPv6 addresses: fdaa::2"
    assert seen(access(fly), "clickhouse-connection").verdict == "healthy"
    fly.reached = "only IPv6 addresses: fdaa::2"
    assert seen(access(fly), "clickhouse-connection").verdict == "finding", "nothing listens there"


@pytest.mark.parametrize(
    ("url", "reached", "connection", "ipv6"),
    [
        ("redis://:x@a.internal:6379", "ok, only IPv6 addresses: fdaa::2", "healthy", "finding"),
        ("redis://:x@a.internal:6379", "only IPv6 addresses: fdaa::2", "healthy", "finding"),
        ("redis://:x@a.internal:6379?family=6", "ok, only IPv6 addresses: fdaa::2", "healthy", "healthy"),
        ("redis://:x@a.internal:6379?family=6", "only IPv6 addresses: fdaa::2", "finding", "healthy"),
        ("redis://:x@a.internal:6379", "no connection", "finding", "healthy"),
    ],
)
def test_redis_is_asked_for_by_the_addresses_that_it_has(
    fly: Fly, url: str, reached: str, connection: str, ipv6: str
) -> None:
    fly.env["REDIS_CONNECTION_STRING"], fly.reached = url, reached
    to = access(fly)
    assert [seen(to, row).verdict for row in ("redis-connection", "redis-ipv6")] == [connection, ipv6]
    if ipv6 == "finding":
        assert "`REDIS_URL` in the vault" in seen(to, "redis-ipv6").fix


@pytest.mark.parametrize(
    ("media", "verdict"), [("http://m.internal:9000", "not applicable"), (f"http://{NOWHERE}", "finding")]
)
def test_a_store_that_is_given_no_public_address_is_not_looked_for_outside(fly: Fly, media: str, verdict: str) -> None:
    fly.env |= {
        "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT": "http://m.internal:9000",
        "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT": media,
        "LANGFUSE_S3_BATCH_EXPORT_EXTERNAL_ENDPOINT": media,
    }
    assert seen(access(fly, store_is_private=True), "store-external-endpoint").verdict == verdict
    assert seen(access(fly), "store-external-endpoint").verdict == "finding", "where it is meant to be public"


def test_a_line_of_the_log_is_found(fly: Fly) -> None:
    assert seen(access(fly), "gateway-callback").verdict == "healthy"
    fly.written = "all well\nmodule 'langfuse' has no attribute 'version'\n"
    assert seen(access(fly), "gateway-callback").verdict == "finding"
    assert fly.asked[-1] == ("recent", {"app": APPS["gateway"], "seconds": 900})


def test_a_service_that_was_never_deployed_cannot_be_looked_into(fly: Fly) -> None:
    looks = deployed(fly, ())
    assert looks.instances() == {}
    with pytest.raises(PlatformError, match="there is no langfuse-web"):
        looks.reach("langfuse-web", ["a:1"])


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """What runs is a Python that finds another `platforms.fly` first."""
    return {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}


def program(folder: Path, text: str) -> None:
    package = folder / "platforms"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "fly.py").write_text(text)


def test_an_answer_and_a_failure_come_through_the_command_line(variables: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path, "import json, sys; print(json.dumps({'got': [sys.argv[1], json.load(sys.stdin)]}))")
    assert caller(variables)("look", {"app": "a"}) == {"got": ["look", {"app": "a"}]}
    (tmp_path / "platforms" / "fly.py").write_text("import sys; sys.exit('fly look: no\\n    fix:  log in')")
    with pytest.raises(PlatformError, match=r"^fly look: no fix: log in$"):
        caller(variables)("look", {"app": "a"})


def test_a_call_that_does_not_end_is_ended_with_what_it_runs(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "END_SECONDS", 5)
    mark = tmp_path / "ended"
    program(
        tmp_path,
        "import pathlib, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"try: time.sleep(60)\nexcept KeyboardInterrupt: pathlib.Path({str(mark)!r}).touch()\n",
    )
    with pytest.raises(PlatformError, match="no end after 1 s"):
        caller(variables, seconds=1)("look", {"app": "a"})
    assert mark.exists()
