"""`python -m ops inventory`: adds what is new, and never takes anything away. The committed files fit the program."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.inventory import added, compare, declared_by, for_instance, write
from ops.session import OpsError
from policy.data_types import what_is
from policy.fly import VOLUME
from policy.guards import DELETE_HOOK, GUARDS
from policy.inventories import ROOT, Inventory, parse
from policy.rules.release_not_downgraded import WEB
from tests.policy.engine import urn
from tests.unit.recorder import Recording, recorded

DOCKER = "docker:index/volume:Volume"


def state(chain: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """As a preview prints it."""
    return {"urn": urn(chain, name), "type": chain.rsplit("$", 1)[-1], "inputs": inputs}


def test_what_a_preview_declares_becomes_the_inventory() -> None:
    declared = declared_by(
        [
            state("pulumi:pulumi:Stack", "stack", {}),
            state(DOCKER, "data", {"name": "a", "labels": []}),
            state(WEB, "web", {"version": "3.225.4"}),
        ]
    )
    assert declared == Inventory({(DOCKER, "data"): {"name": "a", "driver": "local"}}, ("3.225.4",))


def test_data_that_cannot_be_identified_is_refused() -> None:
    with pytest.raises(OpsError, match="data: its standard input is not JSON"):
        declared_by([state(VOLUME, "data", {"stdin": "[secret]"})])
    with pytest.raises(OpsError, match="known only after `up`"):
        declared_by([state(DOCKER, "data", {"name": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"})])


names = st.dictionaries(
    st.tuples(st.just(DOCKER), st.sampled_from("abcdef")), st.builds(lambda name: {"name": name}, st.text(max_size=2))
)


@given(names, names)
def test_adding_keeps_every_entry_as_it_is_and_adds_every_new_one(
    listed: dict[tuple[str, str], Any], declared: dict[tuple[str, str], Any]
) -> None:
    recorded = Inventory(listed, ("3.1.0",))
    found = compare(recorded, Inventory(declared, ("3.2.0",)))
    after = added(recorded, found)
    assert {key: after.resources[key] for key in listed} == listed
    assert after.resources.keys() == listed.keys() | declared.keys()
    assert after.versions == ("3.1.0", "3.2.0")
    assert found.lost == any(declared.get(key) != identity for key, identity in listed.items())


@pytest.mark.parametrize("version", ["3.1.0", "3.0.9", "2.0.0"])
def test_a_version_that_is_not_newer_is_not_added(version: str) -> None:
    recorded = Inventory({}, ("3.0.0", "3.1.0"))
    assert added(recorded, compare(recorded, Inventory({}, (version,)))) == recorded


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "test.json"
    write(path, Inventory({}, ("3.1.0",)))
    assert parse(path.read_text()).versions == ("3.1.0",)
    assert [entry.name for entry in path.parent.iterdir()] == ["test.json"]


def listed_by(program: Recording) -> set[tuple[str, str]]:
    """Innermost type and name of all data."""
    return {(entry.type, entry.name) for entry in program.resources if what_is(entry.type)}


def test_the_local_inventory_lists_what_the_program_declares() -> None:
    listed = parse((ROOT / "policy" / "inventory" / "local.json").read_text())
    program = recorded({})
    assert {(type_.rsplit("$", 1)[-1], name) for type_, name in listed.resources} == listed_by(program)


def test_the_inventory_of_another_instance_names_that_instances_volumes() -> None:
    listed = for_instance("local", "lfs-test-1", "3.225.4")
    program = recorded({"langfuse-stack:instance": "lfs-test-1"})
    volumes = {entry.name: entry.inputs["name"] for entry in program.of_type(DOCKER)}
    assert {name: v["name"] for (type_, name), v in listed.resources.items() if type_.endswith(DOCKER)} == volumes
    assert listed.versions == ("3.225.4",)


CONTAINER = "docker:index/container:Container"
GUARDED = {"protect": True, "retainOnDelete": True, "resourceHooks": {"BeforeDelete": [DELETE_HOOK]}}


def test_guards_and_who_mounts_a_volume_are_listed_with_it() -> None:
    volume = {**state(DOCKER, "data", {"name": "a"}), **GUARDED}
    mounting = state(CONTAINER, "redis", {}) | {"propertyDependencies": {"volumes": [volume["urn"]]}}
    reading = state("pulumi-python:dynamic/checks:Redis", "gate", {}) | {"propertyDependencies": {"v": [volume["urn"]]}}
    declared = declared_by([volume, mounting, reading])
    assert declared.options == {(DOCKER, "data"): {"guards": GUARDS, "mountedBy": (f"{CONTAINER}::redis",)}}


def test_an_option_is_added_where_the_inventory_says_nothing_and_stays_where_it_does() -> None:
    key = (DOCKER, "data")
    recorded = Inventory({key: {"name": "a"}}, options={key: {"guards": ("protect",)}})
    declared = Inventory({key: {"name": "a"}}, options={key: {"guards": GUARDS, "mountedBy": ("x::cleaner",)}})
    found = compare(recorded, declared)
    assert not found.lost
    assert added(recorded, found).options == {key: {"guards": ("protect",), "mountedBy": ("x::cleaner",)}}
    settled = compare(added(recorded, found), declared)
    assert settled.new_options == {}


def test_a_further_service_on_a_listed_volume_is_no_addition() -> None:
    key = (DOCKER, "data")
    recorded = Inventory({key: {"name": "a"}}, options={key: {"mountedBy": ("x::redis",)}})
    declared = Inventory({key: {"name": "a"}}, options={key: {"mountedBy": ("x::cleaner", "x::redis")}})
    assert added(recorded, compare(recorded, declared)) == recorded


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_committed_inventories_list_every_guard_and_every_mount(stack: str) -> None:
    listed = parse((ROOT / "policy" / "inventory" / f"{stack}.json").read_text())
    assert {options["guards"] for options in listed.options.values()} == {GUARDS}
    assert listed.options.keys() == listed.resources.keys()
    volumes = {key for key in listed.resources if what_is(key[0]) == "a volume"}
    assert {key for key, options in listed.options.items() if "mountedBy" in options} == volumes
