"""Ways to lose what production keeps, on the real engine with a Fly that is played: apps, volumes and a schema."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.attacks import attack
from tests.engine.attacked import ROOT, TREASURE, Attacked, copied, prepare

pytestmark = pytest.mark.engine

ENGINE, HOOK, GATE = "engine's protect", "delete hook", "plan gate"
PRESENT = "policy: data-inventory-present"
PROTECTED, REFUSED, GONE = "it is protected", "never deleted or replaced", "no longer in the program"
FLY = {
    "PATH": f"{ROOT / 'tests' / 'fly' / 'bin'}{os.pathsep}{{PATH}}",
    "FAKE_FLY_STATE": "{root}/fly.json",
    "LANGFUSE_STACK_FLY_BUILD": "{root}/build",
}


class OnFly(Attacked):
    """One copy of the stack, with a cloud of its own."""

    @property
    def cloud(self) -> dict[str, Any]:
        """The apps and volumes that exist."""
        found = json.loads((self.root / "fly.json").read_text())
        return {"apps": found["apps"], "volumes": found["volumes"]}

    @property
    def data(self) -> Path:
        """The folder that stands for the schema."""
        return self.root / "data" / "langfuse"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> OnFly:
    return prepare(tmp_path_factory.mktemp("fly"), "attacked_fly", OnFly, **FLY)


@pytest.fixture
def stack(original: OnFly, tmp_path: Path) -> OnFly:
    return copied(original, tmp_path, **FLY)


def keeps_everything(stack: OnFly, original: OnFly) -> bool:
    """Whether app, volume and schema are what they were before the attack."""
    return stack.holds_data() and stack.cloud == original.cloud


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        attack("remove volume", "prod: remove a volume from the program", ENGINE, PROTECTED, alone=True),
        attack(
            "remove component",
            "prod: remove the whole component, its app with it",
            ENGINE,
            PROTECTED,
            alone=True,
            soak=True,
        ),
        attack("rename declaration", "prod: rename a volume without alias", ENGINE, PROTECTED, alone=True, soak=True),
        attack(
            "rename component",
            "prod: rename a component's type without alias",
            ENGINE,
            PROTECTED,
            alone=True,
            soak=True,
        ),
        attack("remove schema", "prod: remove the schema from the program", ENGINE, PROTECTED, alone=True),
        attack("another schema", "prod: another schema", ENGINE, "marked for protection", alone=True),
    ],
)
def test_protection_alone_stops_an_edit_in_plain_pulumi(edit: str, message: str, stack: OnFly, original: OnFly) -> None:
    stack.only("protect", edit)
    assert message in stack.up(preview=True)
    assert keeps_everything(stack, original)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        attack("remove volume", "prod: `state unprotect`, then remove a volume", HOOK, REFUSED, alone=True),
        attack("remove component", "prod: `state unprotect`, then remove the component", HOOK, REFUSED, alone=True),
        attack("another schema", "prod: `state unprotect`, then another schema", HOOK, REFUSED, alone=True),
    ],
)
def test_the_hook_alone_stops_an_edit_after_protection_was_lifted(
    edit: str, message: str, stack: OnFly, original: OnFly
) -> None:
    stack.only("hook", edit)
    assert message in stack.up(preview=True)
    assert keeps_everything(stack, original)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        attack((), "prod: `pulumi destroy`", HOOK, "--run-program"),
        attack(("--run-program",), "prod: `pulumi destroy --run-program`", HOOK, REFUSED),
    ],
)
def test_destroy_needs_the_program_and_with_it_the_hook(
    arguments: tuple[str, ...], message: str, stack: OnFly, original: OnFly
) -> None:
    assert message in stack.destroy(*arguments)
    assert keeps_everything(stack, original)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        attack("remove volume", "prod: remove an unprotected volume", GATE, "delete volume: ", alone=True),
        attack("remove component", "prod: remove an unprotected app", GATE, "delete clickhouse-app: ", alone=True),
        attack("another schema", "prod: another schema, unprotected", GATE, "replace schema: ", alone=True),
    ],
)
def test_the_gate_alone_stops_an_edit_of_what_nothing_protects(
    edit: str, message: str, stack: OnFly, original: OnFly
) -> None:
    stack.only("", edit)
    assert message in stack.refusals()
    assert stack.preview_code == 0, "only the gate may stand in the way"
    assert keeps_everything(stack, original)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        attack("shrink", "prod: shrink a volume", PRESENT, "size_gb was 25 and is now 10", alone=True),
        attack(
            "another region",
            "prod: move a volume to another region",
            PRESENT,
            "region was 'ord' and is now 'ams'",
            soak=True,
        ),
        attack(
            "another app",
            "prod: change the name of an app",
            PRESENT,
            "app was 'attacked' and is now 'attacked-2'",
            alone=True,
        ),
        attack(
            "rename volume", "prod: rename a volume at Fly", PRESENT, "name was 'data' and is now 'data_2'", soak=True
        ),
        attack(
            "cleaner",
            "prod: deploy another machine on a data volume",
            "policy: volume-mounted-as-declared",
            "cleaner-deploy: it mounts data, which only",
            alone=True,
        ),
        attack("unprotect", "prod: drop protect, keep the data", "policy: data-protected", "and not protected"),
    ],
)
def test_the_pack_stops_what_the_engine_would_change_in_place(
    edit: str, message: str, stack: OnFly, original: OnFly
) -> None:
    stack.configure(edit)
    assert message in stack.pack()
    assert stack.preview_code != 0
    stack.project.run("preview", check=True)
    assert keeps_everything(stack, original)


@pytest.mark.parametrize("edit", ["another region", "rename volume"])
def test_without_the_pack_the_driver_makes_no_second_volume(edit: str, stack: OnFly, original: OnFly) -> None:
    stack.configure(edit)
    stack.up()
    assert keeps_everything(stack, original)


def test_an_unchanged_program_passes_pack_and_gate(stack: OnFly) -> None:
    said = stack.pack()
    assert stack.preview_code == 0, said
    assert stack.gate().refusals == ()
    assert (stack.data / "traces").read_text() == TREASURE
