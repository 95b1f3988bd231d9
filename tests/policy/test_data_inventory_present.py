"""`data-inventory-present`, and the file it reads."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policy.data_types import DATA_TYPES
from policy.fly import APP, VOLUME
from policy.identity import INPUTS, REQUESTS, differences, identity_of
from policy.inventories import FOLDER_VARIABLE, Inventory, parse
from policy.rules.data_inventory_present import data_inventory_present
from tests.policy.engine import STACK, request, resource, urn, violations

DOCKER = "langfuse-stack:index:Minio$docker:index/volume:Volume"
FLY = f"langfuse-stack:index:Minio${VOLUME}"
SALT = "langfuse-stack:index:StackSecrets$random:index/randomBytes:RandomBytes"
LISTED = Inventory(
    {
        (DOCKER, "minio-data"): {"name": "langfuse_minio_data", "driver": "local"},
        (FLY, "fly-data"): {"app": "the-store", "name": "data", "region": "ord", "size_gb": 25},
        (SALT, "salt"): {"length": 32},
    }
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / f"{STACK}.json").write_text(LISTED.as_json())
    return tmp_path


def docker(name: str = "minio-data", chain: str = DOCKER, **props: Any) -> Any:
    return resource(chain, {"name": "langfuse_minio_data", **props}, name=name)


def fly(**changes: Any) -> Any:
    wanted = {"app": "the-store", "name": "data", "region": "ord", "size_gb": 25, "snapshot_retention": 7}
    return request(FLY, {**wanted, **changes}, name="fly-data")


def salt(length: float = 32.0, **props: Any) -> Any:
    return resource(SALT, {"length": length, "hex": "f" * 64, **props}, name="salt")


def judged(*resources: Any) -> list[str]:
    root = resource("pulumi:pulumi:Stack", name="langfuse-stack-test")
    return violations(data_inventory_present, SimpleNamespace(resources=[root, *resources]))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "resources",
    [
        (docker(), fly(), salt()),
        (docker(driver="local"), fly(size_gb=50), salt(keepers=None)),
        (docker(labels=[{"label": "a"}]), fly(snapshot_retention=30), salt(), resource("x:y:Z")),
    ],
)
def test_exactly_what_is_listed_is_compliant(resources: tuple[Any, ...]) -> None:
    assert judged(*resources) == []


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ((fly(), salt()), "minio-data (docker:index/volume:Volume) is in the inventory of stack test and no longer"),
        ((docker(), salt()), "fly-data (command:local:Command) is in the inventory of stack test and no longer"),
        ((docker(), fly()), "a secret that opens or decrypts data was removed, renamed or moved"),
    ],
)
def test_what_is_listed_and_gone_is_a_violation(resources: tuple[Any, ...], message: str) -> None:
    [found] = judged(*resources)
    assert message in found
    assert "put its declaration back" in found


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("moved", [docker(name="minio-data-2"), docker(chain="langfuse-stack:index:Other$" + DOCKER)])
def test_a_renamed_or_moved_declaration_is_missing_and_new(moved: Any) -> None:
    found = judged(moved, fly(), salt())
    assert len(found) == 2
    assert "no longer in the program" in found[0]
    assert "not in the inventory of stack test. Add it with `python -m ops inventory --stack test`" in found[1]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("resources", "difference"),
    [
        ((resource(DOCKER, {"name": "b"}, name="minio-data"), fly(), salt()), "name was"),
        ((docker(driver="tmpfs"), fly(), salt()), "driver was 'local' and is now 'tmpfs'"),
        ((docker(), fly(region="ams"), salt()), "region was 'ord' and is now 'ams'"),
        ((docker(), fly(app="other"), salt()), "app was 'the-store' and is now 'other'"),
        ((docker(), fly(size_gb=24), salt()), "size_gb was 25 and is now 24"),
        ((docker(), fly(size_gb="100"), salt()), "size_gb was 25 and is now '100'"),
        ((docker(), fly(), salt(16.0)), "length was 32 and is now 16"),
        ((docker(), fly(), salt(keepers={"on": "every run"})), "keepers was not set and is now"),
    ],
)
def test_another_identity_is_a_violation(resources: tuple[Any, ...], difference: str) -> None:
    [found] = judged(*resources)
    assert "is not the one in the inventory of stack test" in found
    assert difference in found


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("script", ["delete", "triggers"])
def test_a_fly_volume_whose_command_deletes_or_replaces_is_a_violation(script: str) -> None:
    volume = fly()
    volume.props[script] = ["whenever"]
    [found] = judged(docker(), volume, salt())
    assert f"{script} was not set and is now" in found


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "unknown",
    [
        resource(DOCKER, {"name": UNKNOWN_STRING_VALUE}, name="minio-data"),
        resource(DOCKER, {"name": "langfuse_minio_data", "driver": UNKNOWN_STRING_VALUE}, name="minio-data"),
    ],
)
def test_an_identity_that_is_not_known_in_a_preview_is_a_violation(unknown: Any) -> None:
    [found] = judged(unknown, fly(), salt())
    assert "what identifies it is known only after `up`" in found


@pytest.mark.usefixtures("folder")
def test_a_fly_volume_that_is_not_known_in_a_preview_is_a_violation() -> None:
    [found] = judged(docker(), resource(FLY, {"stdin": UNKNOWN_STRING_VALUE}, name="fly-data"), salt())
    assert "what identifies it is known only after `up`" in found


@pytest.mark.usefixtures("folder")
def test_a_fly_volume_whose_request_cannot_be_read_is_a_violation() -> None:
    [found] = judged(docker(), resource(FLY, {"stdin": "fly volumes create"}, name="fly-data"), salt())
    assert "cannot be compared with the inventory: its standard input is not JSON" in found


def test_two_declarations_of_one_volume_are_a_violation(folder: Path) -> None:
    identity = LISTED.resources[DOCKER, "minio-data"]
    (folder / f"{STACK}.json").write_text(Inventory({**LISTED.resources, (DOCKER, "minio-data-2"): identity}).as_json())
    [found] = judged(docker(), docker(name="minio-data-2"), fly(), salt())
    assert "minio-data and minio-data-2 are the same thing under two names" in found


def test_without_an_inventory_nothing_passes(folder: Path) -> None:
    (folder / f"{STACK}.json").unlink()
    [found] = judged()
    assert "stack test has no inventory of its data" in found
    assert "python -m ops inventory --stack test" in found


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        '{"resources": []}',
        '{"versions": [3], "resources": []}',
        '{"versions": [], "resources": {}}',
        '{"versions": [], "resources": [{"name": "a", "type": "b"}]}',
        '{"versions": [], "resources": [{"name": "a", "type": "b", "identity": {}, "more": 1}]}',
        '{"versions": [], "resources": [%s, %s]}' % (('{"name": "a", "type": "b", "identity": {}}',) * 2),
    ],
)
def test_an_inventory_that_cannot_be_read_lets_nothing_pass(content: str, folder: Path) -> None:
    (folder / f"{STACK}.json").write_text(content)
    [found] = judged(docker(), fly(), salt())
    assert "cannot be read" in found


def test_an_inventory_survives_being_written_and_read() -> None:
    assert parse(LISTED.as_json()) == LISTED
    assert json.loads(LISTED.as_json())["resources"][0].keys() == {"name", "type", "identity"}


def test_the_identity_of_every_data_type_is_stated() -> None:
    assert {*INPUTS, *REQUESTS} == set(DATA_TYPES)
    assert {APP, VOLUME} == set(REQUESTS)


@given(st.sampled_from(sorted(INPUTS)), st.data())
def test_any_changed_input_of_an_identity_is_a_difference(type_: str, data: st.DataObject) -> None:
    given_, other = (
        {name: data.draw(st.text(min_size=1) | st.integers(1)) for name in INPUTS[type_]} for _ in range(2)
    )
    recorded, declared = identity_of(urn(type_), given_), identity_of(urn(type_), other)
    assert isinstance(recorded, dict)
    assert isinstance(declared, dict)
    assert bool(differences(recorded, declared)) == (given_ != other)
