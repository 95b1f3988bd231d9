"""A cluster on the fake Fly: what the program asks for, done by the real driver."""

from itertools import pairwise
from typing import Any, Protocol

import pytest

from tests.fly.driving import KEY, Caller, image
from tests.fly.test_parity import FLY, request
from tests.unit.recorder import Recording, recorded

SERVERS = ("clickhouse-keeper-1", "clickhouse-keeper-2", "clickhouse-keeper-3", "clickhouse", "clickhouse-2")
REPLICATED = ("clickhouse-proxy", "langfuse-web", "gateway")


class Driver(Protocol):
    """What carries out actions."""

    def do(self, action: str, request: Any) -> Any:
        """Its answer."""


def put_up(caller: Driver, fly: Recording, service: str, **changed: Any) -> None:
    """Every step of one service, as the engine goes through them."""
    steps = {entry.name for entry in fly.resources}
    caller.do("app", {**request(fly, f"{service}-app"), "org": "hotdash"})
    deploy: dict[str, Any] = {**request(fly, f"{service}-deploy"), "image": image(service)}
    if f"{service}-secrets" in steps:
        wanted = {**request(fly, f"{service}-secrets"), "hmac_key": KEY}
        deploy["secrets"] = caller.do("secrets", wanted)["names"]
    if f"{service}-data" in steps:
        disk = caller.do("volume", request(fly, f"{service}-data"))
        deploy["volume"] = {"name": disk["name"], "id": disk["id"]}
    caller.do("deploy", {**deploy, **changed})


@pytest.fixture
def fly() -> Recording:
    settings = {**FLY, "clickhouse:replicas": "2", "web:replicas": "2", "gateway:replicas": "2"}
    return recorded(settings)


def states(caller: Caller) -> list[tuple[str, str]]:
    return sorted((machine["app"], machine["state"]) for machine in caller.cloud.state["machines"].values())


def test_each_server_and_keeper_gets_an_app_a_machine_and_a_volume_and_each_replica_a_machine(fly: Recording) -> None:
    caller = Caller()
    for service in (*SERVERS, *REPLICATED):
        put_up(caller, fly, service)
    cloud = caller.cloud.state
    assert sorted(volume["app"] for volume in cloud["volumes"].values()) == sorted(f"langfuse-{s}" for s in SERVERS)
    expected = [*SERVERS, *REPLICATED, *REPLICATED]
    assert states(caller) == sorted((f"langfuse-{service}", "started") for service in expected)
    kinds = {app: {ip["Type"] for ip in addresses} for app, addresses in cloud["ips"].items() if addresses}
    assert kinds == {"langfuse-langfuse-web": {"v6", "shared_v4"}, "langfuse-gateway": {"private_v6"}}


def test_a_second_run_only_reads(fly: Recording) -> None:
    caller = Caller()
    for service in ("clickhouse-keeper-1", "gateway"):
        put_up(caller, fly, service)
        before = len(caller.written)
        caller.do("app", {**request(fly, f"{service}-app"), "org": "hotdash"})
        assert len(caller.written) == before


def test_fewer_replicas_stop_the_surplus_and_more_start_it_again(fly: Recording) -> None:
    """Nothing is destroyed: a machine of its own accord costs nothing while it is stopped."""
    caller = Caller()
    put_up(caller, fly, "gateway", replicas=3)
    put_up(caller, fly, "gateway", replicas=1)
    assert [state for _, state in states(caller)].count("started") == 1
    assert len(states(caller)) == 3
    put_up(caller, fly, "gateway", replicas=2)
    for _ in range(2):
        assert [state for _, state in states(caller)].count("started") == 2
    assert sum("machine clone" in line for line in caller.written) == 2


def test_machines_are_started_one_after_the_other_and_the_first_one_migrates(fly: Recording) -> None:
    caller = Caller()
    put_up(caller, fly, "langfuse-web", replicas=3)
    caller.do("state", {"app": "langfuse-langfuse-web", "want": "stopped"})
    caller.asked.clear()
    put_up(caller, fly, "langfuse-web", replicas=3, image=image("new"))
    verbs = [command.verb for command in caller.asked]
    starts = [at for at, verb in enumerate(verbs) if verb == "machine start"]
    assert len(starts) >= 3
    for one, next_one in pairwise(starts):
        assert caller.asked[one].words == caller.asked[next_one].words or "machine list" in verbs[one:next_one]
