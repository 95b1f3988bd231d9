"""A stack of a former version is taken over by the real engine: what was beside the state is in it, and it can move."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import ops.migrate_state
import ops.session
from ops.migrate_state import Old, _carried, _moved, refuse_unmigrated
from ops.session import OpsError, RefusedError, Session
from ops.state import read_state
from settings.recorded import of_resources
from tests.engine.attacked import Attacked

pytestmark = pytest.mark.engine
SWITCH = {"key": "gateway:tracing", "value": "false", "since": "then", "who": "ada", "undo": "undo it"}
VANISHED = "urn:pulumi:test::attacked::docker:index/volume:Volume::gone"


@pytest.fixture
def old(stack: Attacked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Old:
    """What a former version left of the stack."""
    for module in (ops.migrate_state, ops.session):
        monkeypatch.setattr(module, "ROOT", stack.project.folder)
    folder = tmp_path / "old"
    shutil.copytree(stack.root / "state", folder / "pulumi")
    (folder / "passphrase").write_text(stack.project.environment["PULUMI_CONFIG_PASSPHRASE"])
    (folder / "switches.json").write_text(json.dumps({"test": [SWITCH], "other": []}))
    (folder / "data.test.json").write_text(json.dumps([VANISHED]))
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(folder))
    return Old(folder, "test")


def session(stack: Attacked, backend: Path, passphrase: str) -> Session:
    there = {"PULUMI_BACKEND_URL": f"{backend.as_uri()}?metadata=skip", "PULUMI_CONFIG_PASSPHRASE": passphrase}
    return Session("test", {**stack.project.environment, **there}, stack.project.folder / "Pulumi.test.yaml")


@pytest.fixture
def here(stack: Attacked, old: Old) -> Session:
    return session(stack, old.folder / "pulumi", "for this test only")


@pytest.fixture
def elsewhere(stack: Attacked, tmp_path: Path) -> Session:
    """Another backend, with another passphrase."""
    (tmp_path / "elsewhere").mkdir()
    return session(stack, tmp_path / "elsewhere", "another one")


def contents(of: Session) -> dict[str, Any]:
    """URN to inputs and outputs, secrets in the clear, of all that is no record."""
    records = ("langfuse-stack:index:Switches", "langfuse-stack:index:History")
    found = read_state(of, show_secrets=True).resources
    return {
        entry["urn"]: (entry.get("inputs"), entry.get("outputs")) for entry in found if entry["type"] not in records
    }


def test_a_run_is_refused_until_what_was_beside_the_state_is_in_it(old: Old, here: Session) -> None:
    before = contents(here)
    with pytest.raises(RefusedError, match="ops migrate-state --stack test"):
        refuse_unmigrated(here)
    assert _carried(here, old) == _carried(here, old) - 2, "twice is the same as once, and sees both records"
    assert contents(here) == before
    found = of_resources(read_state(here).resources)
    assert [vars(switch) for switch in found.switches] == [SWITCH]
    assert VANISHED in (found.known_data or ())
    refuse_unmigrated(Session("test", here.environment, here.config_file))


def test_a_state_moves_with_its_secrets_and_is_encrypted_for_where_it_is(
    old: Old, here: Session, elsewhere: Session
) -> None:
    before = contents(here)
    assert _moved(elsewhere, old) == len(before)
    assert contents(elsewhere) == before
    assert contents(here) == before, "the old one is left as it is"
    providers = [read_state(of).export["deployment"]["secrets_providers"] for of in (here, elsewhere)]
    assert providers[0] != providers[1]
    assert _moved(elsewhere, old) == len(before), "twice is the same as once"
    assert [switch.key for switch in of_resources(read_state(elsewhere).resources).switches] == ["gateway:tracing"]


def test_a_stack_that_is_there_already_is_never_written_over(stack: Attacked, old: Old, elsewhere: Session) -> None:
    _moved(elsewhere, old)
    stack.strip("protect")  # noqa: B005 - not of a string
    shutil.rmtree(old.folder / "pulumi")
    shutil.copytree(stack.root / "state", old.folder / "pulumi")
    with pytest.raises(RefusedError, match="has a stack test already, with other resources: nothing was moved"):
        _moved(elsewhere, old)
    assert all(entry.get("protect") for entry in read_state(elsewhere).resources if "bucket" in entry["urn"])


def test_an_old_state_that_does_not_open_says_so_and_nothing_is_moved(old: Old, elsewhere: Session) -> None:
    (old.folder / "passphrase").write_text("a wrong one")
    with pytest.raises(OpsError, match="does not open this stack"):
        _moved(elsewhere, old)
    assert not elsewhere.exists()


@pytest.mark.parametrize("name", ["switches.json", "data.test.json"])
def test_a_file_that_is_none_stops_the_run_by_name(name: str, old: Old, here: Session) -> None:
    (old.folder / name).write_text("{")
    with pytest.raises(OpsError, match=f"{name} cannot be read"):
        _carried(here, old)
