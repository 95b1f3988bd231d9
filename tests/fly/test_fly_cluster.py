"""A cluster on the fake Fly: what the program asks for, done by the real driver."""

from typing import Any

import pytest

from tests.fly.driving import KEY, Caller, image
from tests.fly.test_parity import FLY, request
from tests.unit.recorder import Recording, recorded

SERVERS = ("clickhouse-keeper-1", "clickhouse-keeper-2", "clickhouse-keeper-3", "clickhouse", "clickhouse-2")
PROXIES = ("clickhouse-proxy", "langfuse-web-proxy")


def put_up(caller: Caller, fly: Recording, service: str) -> None:
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
    caller.do("deploy", deploy)


@pytest.fixture
def fly() -> Recording:
    settings = {**FLY, "clickhouse:replicas": "2", "web:replicas": "2"}
    return recorded(settings)


def test_each_server_and_keeper_gets_an_app_a_machine_and_a_volume_and_each_proxy_an_app(fly: Recording) -> None:
    caller = Caller()
    for service in (*SERVERS, *PROXIES):
        put_up(caller, fly, service)
    state = caller.cloud.state
    assert sorted(volume["app"] for volume in state["volumes"].values()) == sorted(f"langfuse-{s}" for s in SERVERS)
    machines = sorted(machine["app"] for machine in state["machines"].values())
    assert machines == sorted(f"langfuse-{service}" for service in (*SERVERS, *PROXIES))


def test_a_second_run_only_reads(fly: Recording) -> None:
    caller = Caller()
    put_up(caller, fly, "clickhouse-keeper-1")
    before = len(caller.written)
    caller.do("app", {**request(fly, "clickhouse-keeper-1-app"), "org": "hotdash"})
    caller.do("volume", request(fly, "clickhouse-keeper-1-data"))
    assert len(caller.written) == before
