"""What the real Fly does and a kinder one would not: each way of it ends well, or stops by name with nothing lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from platforms.fly import errors
from tests.fly.driving import GUEST, KEY, Answer, Caller, image, toml
from tests.fly.fake.cloud import Machines
from tests.fly.test_fly_command import Shell
from tests.fly.test_fly_stops import APP, DATA, PRIVATE, WANTED, deployed, deployment, seeded

if TYPE_CHECKING:
    from pathlib import Path

CHANGED = {**toml(APP, DATA), "env": {"PLAIN": "changed"}}
WEB: Answer = {"app": "web", "region": "ord", "image": image("web"), "secrets": {}, "toml": toml("web", None, 3000)}


def state(caller: Caller, machine_id: str) -> str:
    return str(caller.cloud.state["machines"][machine_id]["state"])


def kept(caller: Caller) -> Any:
    """Everything that holds data."""
    cloud = caller.cloud.state
    return json.loads(json.dumps([cloud["apps"], {v: e["size_gb"] for v, e in cloud["volumes"].items()}]))


def test_stopped_and_changed_a_machine_is_started_after_its_release() -> None:
    """A deployment leaves it stopped, ends 0, and the machine answers 412 while it is replaced."""
    caller, volume, answer = deployed()
    caller.do("state", {"app": APP, "want": "stopped"})
    assert state(caller, answer["machine"]) == "stopped"
    again = Caller(caller.cloud)
    renewed = again.do("deploy", deployment(volume, toml=CHANGED), answer)
    assert (renewed["state"], renewed["release"]) == ("started", 2)
    assert [line.split()[1:3] for line in again.written][-2:] == [["machine", "start"], ["machine", "start"]]


def test_a_first_deployment_that_never_became_healthy_is_mended_and_ends_well() -> None:
    caller = seeded()
    volume = caller.cloud.seed_volume(APP, DATA)
    caller.cloud.state["sick"] = [APP]
    with pytest.raises(errors.UnhealthyError, match="timeout reached waiting for health checks") as stop:
        caller.do("deploy", deployment(volume))
    assert stop.value.run == f"fly logs --no-tail -a {APP}"
    assert caller.asked[-1].verb == "logs", "its log is evidence"
    [machine] = caller.cloud.state["machines"].values()
    machine |= {"state": "stopped", "health": "passing"}
    caller.cloud.state["sick"] = []
    mended = caller.do("deploy", deployment(volume, toml=CHANGED))
    assert (mended["state"], mended["machine"]) == ("started", machine["id"])
    assert list(caller.cloud.state["volumes"]) == [volume]


def test_a_stack_that_is_stopped_while_a_setting_changes_deploys_nothing_until_it_is_started() -> None:
    caller, volume, answer = deployed()
    stopping = Caller(caller.cloud)
    stopped = stopping.do("deploy", deployment(volume, toml=CHANGED, want="stopped"), answer)
    assert (stopped["state"], stopped["release"]) == ("stopped", 1)
    assert [line.split()[1:3] for line in stopping.written] == [["machine", "stop"]]
    started = caller.do("deploy", deployment(volume, toml=CHANGED), stopped)
    assert (started["state"], started["release"]) == ("started", 2)


def test_a_stop_that_does_not_stay_a_stop_is_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    caller, _, answer = deployed()
    looks: list[str] = []
    checks = Machines.checks

    def woken(self: Machines, machine: Answer) -> Any:
        looks.append(machine["state"])
        if machine["state"] == "stopped" and looks.count("stopped") == 1:
            machine["state"] = "started"
        return checks(self, machine)

    monkeypatch.setattr(Machines, "checks", woken)
    with pytest.raises(errors.UnhealthyError, match=f"machine {answer['machine']} is started"):
        caller.do("state", {"app": APP, "want": "stopped"})


def test_a_volume_is_placed_where_its_machine_fits() -> None:
    caller = seeded()
    small = {**WANTED, "guest": {**GUEST, "memory_mb": 256}}
    volume = caller.do("volume", small)["id"]
    before = kept(caller)
    with pytest.raises(errors.CapacityError, match="insufficient resources") as stop:
        caller.do("deploy", deployment(volume))
    assert "fly:machines" in stop.value.fix
    assert kept(caller) == before
    other = seeded()
    other.do("deploy", deployment(other.do("volume", WANTED)["id"]))


@pytest.mark.parametrize(
    ("volume", "machine", "stop"),
    [
        ({"attached_machine_id": "0stranger"}, None, "is attached to machine 0stranger"),
        ({"host_status": "unreachable"}, None, "the host of volume"),
        ({"host_status": None}, None, "the host of volume"),
        ({}, {"host_status": "unreachable"}, "the host of volume"),
    ],
)
def test_no_deployment_starts_on_another_volume_than_the_one_with_the_data(
    volume: Answer, machine: Answer | None, stop: str
) -> None:
    """Fly itself would make an empty volume of that name, or replace the machine."""
    caller = seeded()
    volume_id = caller.cloud.seed_volume(APP, DATA)
    if machine:
        caller.do("deploy", deployment(volume_id))
        [found] = caller.cloud.state["machines"].values()
        found |= machine
    caller.cloud.state["volumes"][volume_id] |= volume
    before, again = kept(caller), Caller(caller.cloud)
    with pytest.raises(errors.FlyError, match=stop) as said:
        again.do("deploy", deployment(volume_id, toml=CHANGED))
    assert volume_id in said.value.what
    assert again.written == []
    assert kept(caller) == before


def test_left_to_itself_a_first_deployment_makes_an_empty_volume(tmp_path: Path) -> None:
    """Otherwise the tests above could not fail."""
    caller = seeded()
    caller.cloud.seed_volume(APP, DATA, attached_machine_id="0stranger")
    (tmp_path / "fly.toml").write_text(
        f"app='{APP}'\nprimary_region='ord'\n[[mounts]]\nsource='{DATA}'\ndestination='/d'"
    )
    caller.cloud.call(["deploy", "-c", str(tmp_path / "fly.toml"), "-a", APP, "--image", image("x"), "--yes"])
    assert len(caller.cloud.state["volumes"]) == 2


def test_an_address_that_calls_come_from_is_not_a_way_in() -> None:
    caller = seeded()
    caller.cloud.give_address(APP, "169.155.1.1", "egress_v4")
    caller.cloud.give_address(APP, "2a09:8280:e::1", "egress_v6")
    caller.cloud.give_address(APP, "fdaa:0:1::9", "private_v6")
    caller.do("app", PRIVATE)
    caller.cloud.give_address(APP, "66.241.1.1", "shared_v4")
    with pytest.raises(errors.FlyError, match=r"addresses: 66\.241\.1\.1\n"):
        caller.do("app", PRIVATE)


def test_a_public_app_that_has_only_an_egress_address_gets_a_way_in() -> None:
    caller = Caller()
    caller.cloud.seed_app("web")
    caller.cloud.state["releases"]["web"] = [{"Version": 1}]
    caller.cloud.give_address("web", "169.155.1.1", "egress_v4")
    caller.do("deploy", WEB)
    assert {ip["Type"] for ip in caller.cloud.state["ips"]["web"]} == {"egress_v4", "v6", "shared_v4"}


def test_an_empty_log_that_never_ends_is_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    caller, _, _ = deployed()
    monkeypatch.setattr(Machines, "logs", lambda *_: [])
    assert caller.do("logs", {"app": APP, "lines": 5}) == {"app": APP, "text": ""}
    assert caller.asked[-1].call.seconds == 10


def test_an_empty_log_is_waited_for_no_longer_than_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from platforms.fly import argv, client

    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nsleep 60\n")
    silent.chmod(0o755)
    monkeypatch.setenv("FLY_BIN", str(silent))
    monkeypatch.setitem(argv.CALLS, "logs", replace(argv.CALLS["logs"], seconds=1))
    assert client.Client(client.run)("logs", app="app") == ""


@pytest.mark.parametrize(
    ("kind", "verb", "stop", "fix"),
    [
        ("forbidden", "volumes create", "forbidden", "FLY_API_TOKEN"),
        ("payment", "volumes create", "402 payment required", "add a way to pay"),
        ("no_room", "volumes create", "insufficient resources", "fly:machines"),
        ("crashing", "deploy", "appears to be crashing", "log"),
    ],
)
def test_each_refusal_has_a_message_of_its_own(kind: str, verb: str, stop: str, fix: str) -> None:
    caller = seeded()
    caller.faults = [{"kind": kind, "verb": verb, "times": 9}]
    with pytest.raises(errors.FlyError, match=stop) as said:
        caller.do("deploy", deployment(caller.do("volume", WANTED)["id"]))
    assert fix in said.value.fix
    assert said.value.run
    assert sum(verb in line for line in caller.written) == 1, "what cannot succeed is not tried again"


def test_a_token_of_one_app_and_an_organization_that_is_not_there_are_told_apart() -> None:
    caller = Caller()
    with pytest.raises(errors.FlyError, match="organization nowhere not found") as said:
        caller.do("app", {**PRIVATE, "org": "nowhere"})
    assert said.value.run == "fly orgs list"
    caller.cloud.state["token"] = "app"
    with pytest.raises(errors.FlyError, match="Not authorized") as scope:
        caller.do("app", PRIVATE)
    assert scope.value.run.startswith("fly tokens create org")


def test_a_snapshot_that_was_under_way_before_is_not_the_one_asked_for() -> None:
    caller, volume, answer = deployed()
    older = caller.cloud.seed_snapshot(volume, "2026-01-01T00:00:00Z")
    again = Caller(caller.cloud)
    taken = again.do("deploy", deployment(volume, toml=CHANGED), answer)["snapshot"]
    assert taken != older
    assert {each["id"] for each in caller.cloud.state["snapshots"][volume]} == {older, taken}


def test_secrets_that_are_no_longer_wanted_are_unset_by_name_and_only_those_that_this_stack_set() -> None:
    caller = seeded()
    caller.cloud.state["secrets"][APP] = {"SOMEBODYS": {"value": "theirs", "digest": "1", "status": "Deployed"}}
    request = {"app": APP, "hmac_key": KEY}
    values = {"REDIS_URL": "redis://old", "LANGFUSE_SECRET_KEY": "sk-1", "SALT": "salt-1", "KEPT": "value-1"}
    first = caller.do("secrets", {**request, "values": values})
    second = caller.do("secrets", {**request, "values": {"KEPT": "value-1"}}, first)
    assert second["unset"] == ["LANGFUSE_SECRET_KEY", "REDIS_URL"]
    assert set(second["names"]) == {"KEPT", "SALT"}, "what opens data stays, and stays known"
    assert set(caller.cloud.state["secrets"][APP]) == {"KEPT", "SALT", "SOMEBODYS"}
    assert caller.written[-1] == f"fly secrets unset --stage LANGFUSE_SECRET_KEY REDIS_URL -a {APP}"
    again = Caller(caller.cloud)
    assert again.do("secrets", {**request, "values": {"KEPT": "value-1"}}, second) == {**second, "unset": []}
    assert again.written == []


@pytest.mark.parametrize(
    "name",
    ["SALT", "ENCRYPTION_KEY", "CLICKHOUSE_PASSWORD", "DATABASE_URL", "MINIO_ROOT_PASSWORD", "FILE_ETC_USERS_XML"],
)
def test_what_opens_data_is_never_unset(name: str) -> None:
    caller = seeded()
    request = {"app": APP, "hmac_key": KEY}
    first = caller.do("secrets", {**request, "values": {name: "opens-data", "OTHER": "value-2"}})
    assert caller.do("secrets", {**request, "values": {"OTHER": "value-2"}}, first)["unset"] == []
    assert name in caller.cloud.state["secrets"][APP]


def test_a_run_that_was_killed_before_it_could_say_what_it_unset_goes_on() -> None:
    caller = seeded()
    request = {"app": APP, "hmac_key": KEY}
    first = caller.do("secrets", {**request, "values": {"OLD": "value-1", "KEPT": "value-2"}})
    caller.do("secrets", {**request, "values": {"KEPT": "value-2"}}, first)
    again = Caller(caller.cloud)
    assert again.do("secrets", {**request, "values": {"KEPT": "value-2"}}, first)["unset"] == []
    assert again.written == []


@pytest.mark.soak
def test_imports_at_the_same_time_lose_no_entry_of_flys_own_file(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    apps = [f"app{number}x" for number in range(5)]
    for app in apps:
        assert shell.run("app", {"app": app, "org": "hotdash", "private": True}).returncode == 0
    with ThreadPoolExecutor(5) as pool:
        requests = [{"app": app, "values": {"NAME": "value-1"}, "hmac_key": KEY} for app in apps]
        done = list(pool.map(lambda request: shell.run("secrets", request), requests))
    assert [each.returncode for each in done] == [0] * 5, [each.stderr for each in done]
    assert set(json.loads((tmp_path / "fly" / "config.yml").read_text())) == set(apps)


def test_a_clone_whose_reply_was_lost_is_not_made_twice() -> None:
    caller = Caller()
    caller.cloud.seed_app("web")
    caller.faults = [{"kind": "lost", "verb": "machine clone"}]
    caller.do("deploy", {**WEB, "replicas": 2})
    assert sum("machine clone" in line for line in caller.written) == 1
    assert [machine["state"] for machine in caller.cloud.state["machines"].values()] == ["started", "started"]
