"""What the rule `data-inventory-present` stops by itself: the program protects nothing, no other rule is on.

One stack holds data; each attack on it is previewed.
"""

import datetime as dt
import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.inventory import declared_by, write
from policy.inventories import FOLDER_VARIABLE
from policy.plan import read_plan
from policy.plan_gate import judge
from policy.rules import RULES
from tests.engine.toolchain_project import Project, errors
from toolchain.ready import make_ready

pytestmark = [pytest.mark.engine, pytest.mark.docker]
ROOT = Path(__file__).resolve().parents[2]
RULE = "data-inventory-present"
GONE = "no longer in the program"
OTHER = "is not the one in the inventory"


class Holding:
    """A stack that holds data, its inventory, and the pack with one rule on."""

    def __init__(self, folder: Path) -> None:
        make_ready()
        self.project = Project("inventoried", folder)
        self.instance = f"lfs_test_{secrets.token_hex(4)}"
        self.project.environment |= {"PYTHONPATH": str(ROOT), FOLDER_VARIABLE: str(folder / "inventory")}
        only = folder / "only.json"
        only.write_text(json.dumps({rule.name: "mandatory" if rule.name == RULE else "disabled" for rule in RULES}))
        self.pack = ("--policy-pack", str(ROOT / "policy"), "--policy-pack-config", str(only))
        self.inventory = folder / "inventory" / "test.json"
        self.project.run("config", "set", "instance", self.instance, check=True)
        self.project.run("up", "--yes", "--skip-preview", check=True)
        write(self.inventory, declared_by(self.resources()))

    def resources(self) -> list[dict[str, object]]:
        """Everything in the state."""
        exported = json.loads(self.project.run("stack", "export", check=True).stdout)
        return [entry for entry in exported["deployment"]["resources"] if "inputs" in entry]

    def preview(self, edit: str) -> subprocess.CompletedProcess[str]:
        """A preview of the edited program with the rule on."""
        self.project.environment["EDIT"] = edit
        return self.project.run("preview", *self.pack)

    def refusals(self, edit: str) -> str:
        """What the plan gate says about the edited program."""
        self.project.environment["EDIT"] = edit
        ran = self.project.run("preview", "--json", "--show-sames", "--show-replacement-steps")
        assert ran.returncode == 0, "only the gate may stand in the way"
        verdict = judge(read_plan(ran.stdout), self.resources(), (), dt.datetime.now(tz=dt.UTC).date())
        return "\n".join(f"{found.operation} {found.name}: {found.why}" for found in verdict.refusals)

    @property
    def state(self) -> bytes:
        """The state, as the backend keeps it."""
        return (self.project.folder.parent / "state/.pulumi/stacks/inventoried/test.json").read_bytes()

    def remove(self) -> None:
        """Take the test's stack away; nothing protects it."""
        self.project.environment["EDIT"] = "none"
        self.project.run("destroy", "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holding]:
    stack = Holding(tmp_path_factory.mktemp("holding"))
    try:
        yield stack
    finally:
        stack.remove()


SOAKED = dict.fromkeys(
    ("remove component", "move", "change driver", "remove bucket", "rename bucket", "rename schema", "change region"),
    (pytest.mark.soak,),
)
"""Edits that are missed like others in this file: each is a run of the engine."""


def refused(holding: Holding, edit: str, message: str) -> None:
    """The rule refuses the edit, and nothing else has anything against it; state and volume are as before."""
    before = holding.state
    refused = holding.preview(edit)
    assert refused.returncode != 0, refused.stdout
    assert f"[mandatory]  {RULE}" in refused.stdout
    assert message in refused.stdout
    assert errors(refused.stdout) == {"error: preview failed"}
    assert holding.state == before
    subprocess.run(
        ["docker", "volume", "inspect", f"{holding.instance}_minio_data"], check=True, stdout=subprocess.DEVNULL
    )


def attack(name: str, message: str) -> pytest.MarkDecorator:
    return pytest.mark.attack(name, layer=f"policy: {RULE}", message=message, alone=True)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        pytest.param(edit, message, marks=(attack(name, message), *SOAKED.get(edit, ())), id=edit)
        for name, edit, message in [
            ("a volume removed from the program", "remove volume", GONE),
            ("a whole component removed", "remove component", GONE),
            ("a component's type changed without an alias", "move", GONE),
            ("a volume's logical name changed without an alias", "rename declaration", GONE),
            ("a volume's own name changed", "rename volume", OTHER),
            ("a volume's driver changed", "change driver", "driver was 'local' and is now 'other'"),
            ("a bucket removed from the program", "remove bucket", GONE),
            ("a bucket renamed", "rename bucket", "name was 'events' and is now 'other'"),
            ("another schema set", "rename schema", "schema was 'langfuse' and is now 'langfuse2'"),
            ("SALT regenerated by a keeper", "regenerate salt", "keepers was not set and is now"),
            ("SALT made shorter", "shorten salt", "length was 32 and is now 16"),
            ("a Fly volume shrunk", "shrink", "size_gb was 25 and is now 10"),
            ("a Fly volume moved to another region", "change region", "region was 'ord' and is now 'ams'"),
            ("one volume under two names", "volume under two names", "are the same thing under two names"),
        ]
    ],
)
def test_data_that_the_engine_would_let_go_is_missed_by_the_inventory(
    edit: str, message: str, holding: Holding
) -> None:
    refused(holding, edit, message)


@pytest.mark.attack(
    "give a volume to another Docker",
    layer="plan gate",
    message="replace minio-data: it would be replaced by a new, empty one",
    alone=True,
)
def test_the_gate_alone_stops_a_volume_that_would_go_to_another_provider(holding: Holding) -> None:
    assert holding.preview("another provider").returncode == 0, "its name and driver stay"
    before = holding.state
    assert "replace minio-data: it would be replaced by a new, empty one" in holding.refusals("another provider")
    assert holding.state == before


def test_new_data_asks_to_be_added_with_one_command(holding: Holding) -> None:
    refused(holding, "one more volume", "Add it with `python -m ops inventory --stack test`")


@pytest.mark.parametrize("edit", ["none", "grow"])
def test_unchanged_data_and_a_growing_volume_pass(edit: str, holding: Holding) -> None:
    passed = holding.preview(edit)
    assert passed.returncode == 0, passed.stdout


@pytest.mark.parametrize(("content", "message"), [(None, "has no inventory"), ("{", "cannot be read")])
def test_without_a_readable_inventory_nothing_passes(content: str | None, message: str, holding: Holding) -> None:
    kept = holding.inventory.read_text()
    holding.inventory.unlink() if content is None else holding.inventory.write_text(content)
    try:
        closed = holding.preview("none")
    finally:
        holding.inventory.write_text(kept)
    assert closed.returncode != 0
    assert message in closed.stdout
