"""Several ClickHouse servers, webs and workers: what the program declares for them, on both platforms."""

import json
import re
from typing import Any

import pytest

from checks.clickhouse import ClickHouseProvider
from policy.data_types import DATA_TYPES
from tests.fly.test_parity import FLY, request
from tests.unit.recorder import Recording, recorded
from tests.unit.test_program import EXPECTED

CONTAINER, VOLUME = "docker:index/container:Container", "docker:index/volume:Volume"
PASSWORD = "random:index/randomPassword:RandomPassword"
TWO_OF_ALL = {"clickhouse:replicas": "2", "web:replicas": "2", "worker:replicas": "2"}
FURTHER = {
    (CONTAINER, "clickhouse-2", "clickhouse"),
    (CONTAINER, "clickhouse-keeper-1", "clickhouse"),
    (CONTAINER, "clickhouse-keeper-2", "clickhouse"),
    (CONTAINER, "clickhouse-keeper-3", "clickhouse"),
    (CONTAINER, "clickhouse-proxy", "clickhouse"),
    (CONTAINER, "langfuse-web-2", "langfuse-web"),
    (CONTAINER, "langfuse-web-proxy", "langfuse-web"),
    (CONTAINER, "langfuse-worker-2", "langfuse-worker"),
    (VOLUME, "clickhouse-2-data", "clickhouse"),
    (VOLUME, "clickhouse-keeper-1-data", "clickhouse"),
    (VOLUME, "clickhouse-keeper-2-data", "clickhouse"),
    (VOLUME, "clickhouse-keeper-3-data", "clickhouse"),
    (PASSWORD, "clickhouse-cluster-secret", "secrets"),
}
CLUSTER_FILE = "/etc/clickhouse-server/config.d/langfuse-cluster.xml"


@pytest.fixture
def docker() -> Recording:
    return recorded(TWO_OF_ALL)


@pytest.fixture
def fly() -> Recording:
    return recorded({**TWO_OF_ALL, **FLY, "gateway:replicas": "3"})


ONE_APP = ("clickhouse-proxy", "langfuse-web", "langfuse-worker", "gateway")
"""Services whose replicas are machines of one app on Fly."""


def uploads(stack: Recording, name: str) -> dict[str, str]:
    return {entry["file"]: entry["content"] for entry in stack.one(name).inputs["uploads"]}


def ports(stack: Recording, name: str) -> list[int]:
    return [int(port["external"]) for port in stack.one(name).inputs["ports"]]


def test_a_cluster_adds_to_a_single_stack_and_renames_nothing_of_it(docker: Recording) -> None:
    single = {tuple(entry) for entry in json.loads(EXPECTED.read_text())}
    assert {(entry.type, entry.name, entry.parent) for entry in docker.resources} - single == FURTHER
    assert single <= {(entry.type, entry.name, entry.parent) for entry in docker.resources}


def test_every_server_and_keeper_has_a_volume_of_its_own_that_is_guarded_as_data(docker: Recording) -> None:
    volumes = [entry for entry in docker.of_type(VOLUME) if entry.parent == "clickhouse"]
    assert sorted(entry.inputs["name"] for entry in volumes) == [
        "langfuse_clickhouse_2_data",
        "langfuse_clickhouse_data",
        "langfuse_keeper_1_data",
        "langfuse_keeper_2_data",
        "langfuse_keeper_3_data",
    ]
    guarded = [(e.protect, e.retain_on_delete, e.delete_hooks) for e in docker.resources if e.type in DATA_TYPES]
    assert set(guarded) == {(True, True, ("refuse-to-delete-data",))}


def test_each_server_knows_all_servers_three_keepers_and_its_own_name(docker: Recording) -> None:
    for name in ("clickhouse", "clickhouse-2"):
        config = uploads(docker, name)[CLUSTER_FILE]
        assert re.findall(r"<host>([\w-]+)</host>", config) == [
            "clickhouse",
            "clickhouse-2",
            "clickhouse-keeper-1",
            "clickhouse-keeper-2",
            "clickhouse-keeper-3",
        ]
        assert f"<replica>{name}</replica>" in config
        assert f"<interserver_http_host>{name}</interserver_http_host>" in config
        assert docker.env(name)["CLUSTER_SECRET"] == "result-of-clickhouse-cluster-secret"
        assert "result-of" not in config


@pytest.mark.parametrize("replicas", ["2", "3"])
def test_there_are_three_keepers_for_two_servers_and_for_three(replicas: str) -> None:
    stack = recorded({"clickhouse:replicas": replicas})
    keepers = [entry.name for entry in stack.of_type(CONTAINER) if "keeper" in entry.name]
    assert len(keepers) == 3
    for name in keepers:
        [config] = uploads(stack, name).values()
        assert f"<server_id>{name[-1]}</server_id>" in config
        assert config.count("<hostname>") == 3


def test_langfuse_is_told_of_a_cluster_and_of_one_address(docker: Recording) -> None:
    for name in ("langfuse-web", "langfuse-web-2", "langfuse-worker", "langfuse-worker-2"):
        env = docker.env(name)
        assert (env["CLICKHOUSE_CLUSTER_ENABLED"], env["CLICKHOUSE_URL"]) == ("true", "http://clickhouse-proxy:8123")
    assert docker.env("langfuse-web")["CLICKHOUSE_MIGRATION_URL"] == "clickhouse://clickhouse-proxy:9000"
    assert docker.env("langfuse-web") == docker.env("langfuse-web-2")
    assert docker.env("gateway")["LANGFUSE_HOST"] == "http://langfuse-web-proxy:3000"


def test_the_proxies_alone_are_published(docker: Recording) -> None:
    assert ports(docker, "clickhouse-proxy") == [8123, 9000]
    assert ports(docker, "langfuse-web-proxy") == [3000]
    assert ports(docker, "langfuse-worker") == [3030]
    behind = ("clickhouse", "clickhouse-2", "langfuse-web", "langfuse-web-2", "langfuse-worker-2")
    assert [ports(docker, name) for name in behind] == [[]] * len(behind)


def test_one_clickhouse_server_serves_and_the_next_stands_by_while_all_webs_serve(docker: Recording) -> None:
    [clickhouse] = uploads(docker, "clickhouse-proxy").values()
    assert re.findall(r"server (\S+) (\S+) check port 8123( backup)?", clickhouse) == [
        ("clickhouse", "clickhouse:8123", ""),
        ("clickhouse-2", "clickhouse-2:8123", " backup"),
        ("clickhouse", "clickhouse:9000", ""),
        ("clickhouse-2", "clickhouse-2:9000", " backup"),
    ]
    [web] = uploads(docker, "langfuse-web-proxy").values()
    assert "backup" not in web
    assert web.count("    server langfuse-web") == 2


def test_replicas_change_one_after_the_other(docker: Recording) -> None:
    assert "clickhouse" in docker.one("clickhouse-2").depends_on
    assert docker.one("clickhouse").inputs["wait"]
    assert "langfuse-web-gate" in docker.one("langfuse-web-2").depends_on
    assert "langfuse-worker-gate" in docker.one("langfuse-worker-2").depends_on


def test_the_gate_runs_again_when_any_part_of_the_cluster_is_another(docker: Recording) -> None:
    gate = docker.one("clickhouse-gate").inputs
    parts = ["clickhouse-proxy", "clickhouse", "clickhouse-2", *(f"clickhouse-keeper-{n}" for n in (1, 2, 3))]
    assert gate["watch"] == "/".join(f"{part}-id" for part in parts)
    assert gate["cluster"] == ["clickhouse", "clickhouse-2"]
    assert docker.one("migration-gate").inputs["clustered"] is True


def test_langfuses_user_may_migrate_the_whole_cluster_and_only_there(docker: Recording) -> None:
    users = "/etc/clickhouse-server/users.d/langfuse-users.xml"
    assert "GRANT CLUSTER ON *.*" in str(uploads(docker, "clickhouse")[users])
    assert "CLUSTER" not in str(uploads(recorded({}), "clickhouse")[users])


def test_on_fly_every_server_and_keeper_is_an_app_with_a_volume(fly: Recording) -> None:
    for service in ("clickhouse", "clickhouse-2", "clickhouse-keeper-1", "clickhouse-keeper-2", "clickhouse-keeper-3"):
        volume = request(fly, f"{service}-data")
        assert volume["app"] == f"langfuse-{service}"
        name = service.replace("clickhouse-keeper", "keeper").replace("-", "_")
        assert volume["name"] == f"langfuse_{name}_data"
        assert request(fly, f"{service}-app")["private"] is True
        assert request(fly, f"{service}-deploy")["toml"]["mounts"][0]["source"] == volume["name"]
    assert request(fly, "clickhouse-2-deploy")["toml"]["vm"] == request(fly, "clickhouse-deploy")["toml"]["vm"]
    assert "clickhouse-deploy" in fly.one("clickhouse-2-app").depends_on


def test_on_fly_replicas_are_machines_of_one_app_and_the_proxy_of_the_servers_is_two(fly: Recording) -> None:
    def files(service: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = request(fly, f"{service}-deploy")["toml"]["files"]
        return found

    [config] = [file["raw_value"] for file in files("clickhouse-proxy")]
    assert "server clickhouse-2 langfuse-clickhouse-2.internal:8123 check port 8123 backup" in config
    assert "bind :::8123 v4v6" in config
    [keepers] = [file["raw_value"] for file in files("clickhouse") if file["guest_path"] == CLUSTER_FILE]
    assert "<host>langfuse-clickhouse-keeper-3.internal</host>" in keepers
    replicas = {name: request(fly, f"{name}-deploy")["replicas"] for name in ("clickhouse", *ONE_APP)}
    assert replicas == {"clickhouse": 1, "clickhouse-proxy": 2, "langfuse-web": 2, "langfuse-worker": 2, "gateway": 3}
    apps = {entry.name.removesuffix("-app") for entry in fly.resources if entry.name.endswith("-app")}
    assert not {"langfuse-web-2", "langfuse-web-proxy", "langfuse-worker-2", "clickhouse-proxy-2"} & apps
    served = {name: request(fly, f"{name}-deploy")["toml"] for name in ONE_APP}
    assert [name for name, toml in served.items() if "http_service" in toml] == ["langfuse-web"]
    assert [name for name, toml in served.items() if "services" in toml] == ["gateway"]
    assert fly.outputs["gateway_url"] == "http://langfuse-gateway.flycast:4000"
    assert all(toml["deploy"]["max_unavailable"] == 1 for toml in served.values()), "two at once would both migrate"


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        (False, ["clickhouse", "clickhouse-2"], "tables are those of a single server"),
        (["clickhouse", "clickhouse-2"], False, "volumes of the others"),
        (["clickhouse", "clickhouse-2"], ["clickhouse", "clickhouse-2", "clickhouse-3"], "none of the tables"),
    ],
)
def test_the_servers_of_a_stack_that_was_put_up_are_decided(was: Any, now: Any, why: str) -> None:
    refused = ClickHouseProvider().check({"cluster": was}, {"cluster": now}).failures
    assert [failure.property for failure in refused] == ["cluster"]
    assert why in refused[0].reason
    assert "pulumi config set clickhouse:replicas" in refused[0].reason
    assert not ClickHouseProvider().check({"cluster": was}, {"cluster": was}).failures
    assert not ClickHouseProvider().check({}, {"cluster": now}).failures
