"""The settings and the inventory of another stack."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops import new as module
from ops.new import new
from ops.ports import FIRST, free_block
from ops.session import OpsError
from policy.inventories import FOLDER_VARIABLE, parse
from settings import load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "inventory"))
    return tmp_path


def made(folder: Path, name: str, *, disposable: bool = False) -> Mapping[str, Any]:
    path = folder / f"Pulumi.{name}.yaml"
    new(name, path, disposable=disposable, as_json=False)
    return dict(yaml.safe_load(path.read_text())["config"])


def test_a_new_stack_has_an_instance_and_ports_of_its_own_that_follow_each_other(folder: Path) -> None:
    config = made(folder, "team-a")
    settings = load({key: str(value) for key, value in config.items()})
    ports = list(settings.published_ports.values())
    assert settings.stack.instance == "team-a"
    assert not settings.stack.disposable
    assert ports == list(range(ports[0], ports[0] + len(ports)))


def test_its_inventory_names_its_own_volumes(folder: Path) -> None:
    made(folder, "team-a")
    listed = parse((folder / "inventory" / "team-a.json").read_text())
    names = {identity["name"] for identity in listed.resources.values() if "driver" in identity}
    assert "team_a_clickhouse_data" in names
    assert all(name.startswith("team_a_") for name in names)


def test_a_stack_is_disposable_only_when_asked_for(folder: Path) -> None:
    assert made(folder, "team-a", disposable=True)["langfuse-stack:disposable"] is True


def test_nothing_that_exists_is_written_over(folder: Path) -> None:
    made(folder, "team-a")
    before = (folder / "Pulumi.team-a.yaml").read_text()
    with pytest.raises(OpsError, match="exists already: nothing was written"):
        made(folder, "team-a", disposable=True)
    assert (folder / "Pulumi.team-a.yaml").read_text() == before


@pytest.mark.parametrize("name", ["", "A", "a", "a_b", "../x", "x" * 41, "team a"])
def test_a_name_that_no_stack_can_have_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(OpsError, match="cannot be the name of a stack"):
        made(folder, name)


def test_ports_in_use_or_claimed_by_another_stack_are_passed_over() -> None:
    [first, *_] = free_block(3, frozenset()) or []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", first + 1))
        listener.listen()
        assert first not in (free_block(3, frozenset()) or [])
    claimed = range(FIRST, FIRST + 5000)
    assert (free_block(3, claimed) or [0])[0] >= FIRST + 5000
    assert free_block(3, range(70000)) is None


def test_the_ports_of_every_stack_of_the_project_are_claimed() -> None:
    assert set(load({}).published_ports.values()) <= set(module._claimed())
