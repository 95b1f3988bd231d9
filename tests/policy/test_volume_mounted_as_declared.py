"""`volume-mounted-as-declared`: who may mount a data volume stands in its inventory entry."""

import json
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policy.fly import SERVICE, VOLUME
from policy.inventories import FOLDER_VARIABLE, Inventory, parse
from policy.mounts import HOST_ACCESS
from policy.rules.volume_mounted_as_declared import volume_mounted_as_declared
from tests.policy.engine import STACK, request, resource, violations
from tests.unit.recorder import ROOT, recorded

REDIS = "langfuse-stack:index:Redis"
DOCKER = f"{REDIS}$docker:index/volume:Volume"
CONTAINER = f"{REDIS}$docker:index/container:Container"
ON_FLY = f"{REDIS}${VOLUME}"
DEPLOY = f"{REDIS}${SERVICE}"
LISTED = Inventory(
    {
        (DOCKER, "redis-data"): {"name": "langfuse_redis_data", "driver": "local"},
        (DOCKER, "old-data"): {"name": "langfuse_old_data", "driver": "local"},
        (ON_FLY, "fly-data"): {"app": "queue", "name": "data", "region": "ord", "size_gb": 5},
    },
    options={
        (DOCKER, "redis-data"): {"mountedBy": (f"{CONTAINER}::redis",)},
        (ON_FLY, "fly-data"): {"mountedBy": (f"{DEPLOY}::redis-deploy",)},
    },
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / f"{STACK}.json").write_text(LISTED.as_json())
    return tmp_path


def container(name: str = "redis", chain: str = CONTAINER, **props: Any) -> Any:
    return resource(
        chain, {"volumes": [{"volumeName": "langfuse_redis_data", "containerPath": "/data"}], **props}, name=name
    )


def service(name: str = "redis-deploy", **content: Any) -> Any:
    toml = {"mounts": [{"source": "data", "destination": "/data"}]}
    return request(DEPLOY, {"app": "queue", "toml": toml, **content}, name=name, secret=True)


@pytest.mark.parametrize(
    "mounting",
    [
        container(),
        service(),
        resource(CONTAINER, {"image": "sha256:0"}, name="another"),
        container("another", volumes=[{"volumeName": UNKNOWN_STRING_VALUE, "containerPath": "/data"}]),
        container("another", volumes=UNKNOWN_STRING_VALUE),
        container("another", volumes=None, mounts=[{"type": "tmpfs", "target": "/scratch"}]),
        resource(DEPLOY, {"stdin": UNKNOWN_STRING_VALUE}, name="another"),
        request(DEPLOY, {"app": "queue", "toml": {}, "volume": None}, name="another"),
        resource("x:y:Z", {"volumes": [{"volumeName": "langfuse_redis_data"}]}),
    ],
    ids=lambda found: f"{found.resource_type.rpartition(':')[2]}-{found.name}",
)
def test_what_is_declared_and_what_mounts_nothing_is_compliant(mounting: Any) -> None:
    assert violations(volume_mounted_as_declared, mounting) == []


@pytest.mark.parametrize(
    "mounting",
    [
        container("cleaner"),
        container(chain="langfuse-stack:index:Other$docker:index/container:Container"),
        container("cleaner", volumes=None, mounts=[{"type": "volume", "source": "langfuse_redis_data"}]),
    ],
)
def test_another_mount_of_a_data_volume_is_a_violation(mounting: Any) -> None:
    [message] = violations(volume_mounted_as_declared, mounting)
    assert f"it mounts langfuse_redis_data, which only {CONTAINER}::redis may" in message


@pytest.mark.parametrize("content", [{}, {"toml": {}, "volume": {"name": "data", "id": "vol_1"}}])
def test_another_machine_on_a_fly_volume_is_a_violation(content: dict[str, Any]) -> None:
    [message] = violations(volume_mounted_as_declared, service("cleaner-deploy", **content))
    assert f"it mounts data, which only {DEPLOY}::redis-deploy may" in message


def test_a_volume_of_another_app_or_stack_is_a_violation() -> None:
    [message] = violations(volume_mounted_as_declared, service(app="other"))
    assert "it mounts data, which is no volume in the inventory of stack test" in message
    [message] = violations(volume_mounted_as_declared, container(volumes=[{"volumeName": "other_redis_data"}]))
    assert "it mounts other_redis_data, which is no volume in the inventory of stack test" in message


def test_an_entry_of_before_mounts_were_recorded_asks_for_one_command() -> None:
    [message] = violations(volume_mounted_as_declared, container(volumes=[{"volumeName": "langfuse_old_data"}]))
    assert "does not say who may. Add that with `python -m ops inventory --stack test`" in message


@pytest.mark.parametrize(
    ("props", "what"),
    [
        *(({option: True}, option) for option in HOST_ACCESS),
        ({"privileged": UNKNOWN_STRING_VALUE}, "privileged"),
        ({"volumes": [{"hostPath": "/var/lib/docker", "containerPath": "/x"}]}, "the folder /var/lib/docker"),
        (
            {"volumes": [{"volumeName": "/var/run/docker.sock", "containerPath": "/x"}]},
            "the folder /var/run/docker.sock",
        ),
        ({"volumes": [{"fromContainer": "langfuse-redis"}]}, "the volumes of container langfuse-redis"),
        ({"mounts": [{"type": "bind", "source": "/", "target": "/x"}]}, "a mount of type bind"),
        ({"mounts": [{"type": UNKNOWN_STRING_VALUE, "target": "/x"}]}, "a mount of type"),
    ],
)
def test_a_container_that_reaches_the_machine_is_a_violation(props: dict[str, Any], what: str) -> None:
    messages = violations(volume_mounted_as_declared, resource(CONTAINER, props, name="cleaner"))
    assert any(f"it reaches the machine, and so every volume on it: {what}" in message for message in messages)


def test_without_an_inventory_another_rule_stops_the_run(folder: Path) -> None:
    (folder / f"{STACK}.json").unlink()
    assert violations(volume_mounted_as_declared, container("cleaner")) == []


def test_the_committed_inventories_let_each_service_mount_its_own_volume_and_no_other() -> None:
    local = parse((ROOT / "policy" / "inventory" / "local.json").read_text())
    mounted = {
        mount["volumeName"]: f"{parent.type}$docker:index/container:Container::{entry.name}"
        for program in (recorded({}),)
        for entry in program.of_type("docker:index/container:Container")
        for parent in program.resources
        for mount in entry.inputs.get("volumes", ())
        if parent.name == entry.parent and parent.type.startswith("langfuse-stack:index:")
    }
    listed = {
        str(identity["name"]): local.options[key]["mountedBy"]
        for key, identity in local.resources.items()
        if key[0].endswith("docker:index/volume:Volume")
    }
    assert {name: (mounter,) for name, mounter in mounted.items()} == listed


def test_a_request_that_cannot_be_read_fails_the_rule() -> None:
    with pytest.raises(Exception, match="standard input is not JSON"):
        violations(volume_mounted_as_declared, resource(DEPLOY, {"stdin": "fly deploy"}))


def test_options_survive_being_written_and_read() -> None:
    assert parse(LISTED.as_json()) == LISTED


@pytest.mark.parametrize("wrong", [{"mountedBy": "redis"}, {"mountedBy": [1]}, {"guard": []}])
def test_options_that_nobody_knows_are_refused(wrong: dict[str, Any]) -> None:
    document = {"versions": [], "resources": [{"name": "a", "type": "b", "identity": {}, **wrong}]}
    with pytest.raises(ValueError, match="only lists of strings: guards, mountedBy"):
        parse(json.dumps(document))
