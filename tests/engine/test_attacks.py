"""Ways to lose data, each against a stack that holds some; the marker says which layer stops it, and how."""

import datetime as dt
import shutil
from pathlib import Path

import pytest

from policy.allowed_changes import Allowed
from tests.engine.attacked import GUARDS, ROOT, Attacked, copied, prepare

pytestmark = pytest.mark.engine

ENGINE, HOOK, GATE, PACK, RETENTION = "engine's protect", "delete hook", "plan gate", "policy pack", "retain_on_delete"


@pytest.fixture(scope="module")
def guarded_stack(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    return prepare(tmp_path_factory.mktemp("guarded"))


@pytest.fixture(scope="module")
def bare_stack(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    """Neither protection nor retention nor hook: only what reads the plan is left."""
    return prepare(tmp_path_factory.mktemp("bare"), GUARDS)


@pytest.fixture
def guarded(guarded_stack: Attacked, tmp_path: Path) -> Attacked:
    return copied(guarded_stack, tmp_path)


@pytest.fixture
def bare(bare_stack: Attacked, tmp_path: Path) -> Attacked:
    return copied(bare_stack, tmp_path)


def said(request: pytest.FixtureRequest) -> str:
    """The message that the attack's marker promises."""
    marker = request.node.get_closest_marker("attack")
    assert marker is not None
    return str(marker.kwargs["message"])


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(
            "remove",
            marks=pytest.mark.attack(
                "remove a volume or bucket from the program", layer=ENGINE, message="it is protected"
            ),
        ),
        pytest.param(
            "remove-component",
            marks=pytest.mark.attack("remove the whole component", layer=ENGINE, message="it is protected"),
        ),
        pytest.param("rename", marks=pytest.mark.attack("rename data", layer=ENGINE, message="it is protected")),
        pytest.param(
            "refactor",
            marks=pytest.mark.attack("rename the component without an alias", layer=ENGINE, message="it is protected"),
        ),
        pytest.param(
            "move",
            marks=pytest.mark.attack("change an immutable input", layer=ENGINE, message="marked for protection"),
        ),
        pytest.param(
            "hasty",
            marks=pytest.mark.attack("delete_before_replace on data", layer=ENGINE, message="marked for protection"),
        ),
        pytest.param(
            "new-salt", marks=pytest.mark.attack("regenerate SALT", layer=ENGINE, message="marked for protection")
        ),
    ],
)
def test_protection_stops_an_edit_in_plain_pulumi(edit: str, bare: Attacked, request: pytest.FixtureRequest) -> None:
    bare.configure(without=("retain", "hook"))
    bare.project.run("up", "--yes", "--skip-preview", check=True)
    bare.configure(edit, without=("retain", "hook"))
    assert said(request) in bare.up()
    assert bare.holds_data()


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(
            "remove",
            marks=pytest.mark.attack("`state unprotect`, then remove", layer=HOOK, message="never deleted or replaced"),
        ),
        pytest.param(
            "rename",
            marks=pytest.mark.attack(
                "drop protect and rename in one edit", layer=HOOK, message="never deleted or replaced"
            ),
        ),
    ],
)
def test_the_hook_stops_an_edit_after_protection_was_lifted(
    edit: str, bare: Attacked, request: pytest.FixtureRequest
) -> None:
    bare.configure(without=("retain", "protect"))
    bare.project.run("up", "--yes", "--skip-preview", check=True)
    bare.configure(edit, without=("retain", "protect"))
    assert said(request) in bare.project.run("preview").stdout
    assert said(request) in bare.up()
    assert bare.holds_data()


@pytest.mark.attack("`pulumi destroy`", layer=HOOK, message="--run-program")
def test_destroy_needs_the_program_and_with_it_the_hook(guarded: Attacked, request: pytest.FixtureRequest) -> None:
    guarded.project.run("state", "unprotect", "--all", "--yes", check=True)
    destroyed = guarded.project.run("destroy", "--yes", "--skip-preview")
    assert destroyed.returncode != 0
    assert said(request) in destroyed.stdout
    assert guarded.holds_data()


@pytest.mark.attack("`pulumi destroy --run-program`", layer=HOOK, message="never deleted or replaced")
def test_destroy_with_the_program_meets_the_hook(guarded: Attacked, request: pytest.FixtureRequest) -> None:
    guarded.project.run("state", "unprotect", "--all", "--yes", check=True)
    destroyed = guarded.project.run("destroy", "--yes", "--skip-preview", "--run-program")
    assert destroyed.returncode != 0
    assert said(request) in destroyed.stdout
    assert guarded.holds_data()


@pytest.mark.attack("`up` without the policy pack, data removed", layer=HOOK, message="never deleted or replaced")
def test_plain_up_without_the_pack_meets_the_hook(guarded: Attacked, request: pytest.FixtureRequest) -> None:
    guarded.configure("remove")
    assert said(request) in guarded.up()
    assert guarded.holds_data()


@pytest.mark.attack("`up --target` data that was removed", layer=HOOK, message="never deleted or replaced")
def test_a_targeted_run_meets_the_hook(guarded: Attacked, request: pytest.FixtureRequest) -> None:
    guarded.configure("remove")
    assert said(request) in guarded.up("--target", guarded.urn("bucket"))
    assert guarded.holds_data()


@pytest.mark.attack("`--ignore-protect`", layer="engine 3.255", message="unknown flag: --ignore-protect")
def test_the_engine_has_no_way_to_ignore_protection(guarded: Attacked, request: pytest.FixtureRequest) -> None:
    assert said(request) in guarded.up("--ignore-protect")
    assert guarded.holds_data()


@pytest.mark.attack("remove data with every other guard gone", layer=RETENTION, message="1 deleted")
def test_retained_data_outlives_its_entry_in_the_state(bare: Attacked, request: pytest.FixtureRequest) -> None:
    bare.configure(without=("protect", "hook"))
    bare.project.run("up", "--yes", "--skip-preview", check=True)
    bare.configure("rename", without=("protect", "hook"))
    ran = bare.project.run("up", "--yes", "--skip-preview", check=True)
    assert said(request) in ran.stdout
    assert bare.holds_data()


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(
            "remove",
            marks=pytest.mark.attack(
                "remove data that nothing protects", layer=GATE, message="delete bucket: the program no longer declares"
            ),
        ),
        pytest.param(
            "remove-component",
            marks=pytest.mark.attack(
                "remove a component that nothing protects",
                layer=GATE,
                message="delete part-salt: the program no longer declares",
            ),
        ),
        pytest.param(
            "rename",
            marks=pytest.mark.attack(
                "rename data that nothing protects", layer=GATE, message="share store: bucket already stands for events"
            ),
        ),
        pytest.param(
            "move",
            marks=pytest.mark.attack(
                "change an immutable input of unprotected data",
                layer=GATE,
                message="replace bucket: it would be replaced by a new, empty one",
            ),
        ),
        pytest.param(
            "hasty",
            marks=pytest.mark.attack(
                "delete_before_replace on unprotected data",
                layer=GATE,
                message="replace bucket: it would be replaced by a new, empty one",
            ),
        ),
        pytest.param(
            "new-salt",
            marks=pytest.mark.attack(
                "regenerate an unprotected SALT", layer=GATE, message="replace part-salt: it would be replaced"
            ),
        ),
        pytest.param(
            "provider",
            marks=pytest.mark.attack("change the provider of data", layer=GATE, message="replace part-salt: it would"),
        ),
        pytest.param(
            "import",
            marks=pytest.mark.attack("leave an `import_` option on data", layer=GATE, message="part-salt: it would be"),
        ),
        pytest.param(
            "twice",
            marks=pytest.mark.attack(
                "two resources for one bucket or volume", layer=GATE, message="twin: bucket already stands for events"
            ),
        ),
    ],
)
def test_the_gate_alone_stops_an_edit(edit: str, bare: Attacked, request: pytest.FixtureRequest) -> None:
    bare.configure(edit, without=GUARDS)
    assert said(request) in bare.refusals()
    assert bare.preview_code == 0, "only the gate may stand in the way"
    assert bare.holds_data()


@pytest.mark.attack(
    "refresh after the data vanished outside", layer=GATE, message="create bucket: was present, now missing"
)
def test_vanished_data_is_not_silently_made_anew(guarded: Attacked, request: pytest.FixtureRequest) -> None:
    elsewhere = guarded.root / "elsewhere"
    shutil.move(guarded.data, elsewhere)
    guarded.project.run("refresh", "--yes", "--skip-preview", check=True)
    assert said(request) in guarded.refusals()
    assert guarded.preview_code == 0
    assert (elsewhere / "traces").is_file()
    assert not guarded.data.exists()


@pytest.mark.attack(
    "take SALT out of the state, so that it would be generated anew",
    layer=GATE,
    message="create part-salt: was present, now missing",
)
def test_a_secret_that_left_the_state_is_not_generated_anew(guarded: Attacked, request: pytest.FixtureRequest) -> None:
    guarded.forget("part-salt")
    assert said(request) in guarded.refusals()
    assert guarded.preview_code == 0, "only the gate may stand in the way"
    assert guarded.holds_data()


@pytest.mark.attack("drop protect, keep the data", layer=PACK, message="and not protected")
def test_the_pack_stops_data_that_is_declared_without_protection(
    guarded: Attacked, request: pytest.FixtureRequest
) -> None:
    guarded.configure("unprotect")
    previewed = guarded.project.run("preview", "--policy-pack", str(ROOT / "policy"))
    assert previewed.returncode != 0
    assert said(request) in previewed.stdout
    assert guarded.holds_data()


@pytest.mark.attack(
    "drop retention or the delete hook, keep the data",
    layer=GATE,
    message="declared without retain_on_delete, the delete hook",
)
def test_the_gate_stops_data_that_loses_what_the_pack_cannot_see(
    guarded: Attacked, request: pytest.FixtureRequest
) -> None:
    guarded.configure(without=("retain", "hook"))
    assert said(request) in guarded.refusals()
    assert guarded.preview_code == 0
    assert guarded.holds_data()


def test_an_allowed_change_passes_the_gate_and_nothing_else_does(bare: Attacked) -> None:
    bare.configure("move", without=GUARDS)
    today = dt.datetime.now(tz=dt.UTC).date()
    urn = bare.urn("bucket")
    reason = "Moved by hand to the other region."
    allowed = [Allowed(urn=urn, operation="replace", reason=reason, expires=today)]
    left = {(refusal.name, refusal.operation) for refusal in bare.gate(allowed).refusals}
    assert ("bucket", "replace") not in left
    assert ("bucket", "unguard") in left


@pytest.mark.parametrize("edit", ["", "one-more"])
def test_a_normal_change_needs_no_approval(edit: str, guarded: Attacked) -> None:
    guarded.configure(edit)
    assert guarded.gate().refusals == ()
    assert guarded.preview_code == 0
