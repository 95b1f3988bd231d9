"""Ways to lose data, each against a stack that holds some; the marker says which layer stops it, and how."""

import datetime as dt
import shutil

import pytest

from policy.allowed_changes import Allowed
from tests.attacks import attack
from tests.engine.attacked import Attacked

pytestmark = pytest.mark.engine

ENGINE, HOOK, GATE, RETENTION = "engine's protect", "delete hook", "plan gate", "retain_on_delete"
REFUSED = "never deleted or replaced"
EMPTIED = "it would be replaced by a new, empty one"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        attack("remove", "remove a volume or bucket from the program", ENGINE, "it is protected", alone=True),
        attack("remove-component", "remove the whole component", ENGINE, "it is protected", alone=True),
        attack("rename", "rename data", ENGINE, "it is protected", alone=True),
        attack("refactor", "rename the component without an alias", ENGINE, "it is protected", alone=True),
        attack("move", "change an immutable input", ENGINE, "marked for protection", alone=True),
        attack("hasty", "delete_before_replace on data", ENGINE, "marked for protection", alone=True),
        attack("new-salt", "regenerate SALT", ENGINE, "marked for protection", alone=True),
    ],
)
def test_protection_alone_stops_an_edit_in_plain_pulumi(edit: str, message: str, stack: Attacked) -> None:
    stack.only("protect", edit)
    assert message in stack.up()
    assert stack.holds_data()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        attack("remove", "`state unprotect`, then remove", HOOK, REFUSED, alone=True),
        attack("rename", "drop protect and rename in one edit", HOOK, REFUSED, alone=True),
    ],
)
def test_the_hook_alone_stops_an_edit_after_protection_was_lifted(edit: str, message: str, stack: Attacked) -> None:
    stack.only("hook", edit)
    assert message in stack.project.run("preview").stdout
    assert message in stack.up()
    assert stack.holds_data()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        attack((), "`pulumi destroy`", HOOK, "--run-program"),
        attack(("--run-program",), "`pulumi destroy --run-program`", HOOK, REFUSED),
    ],
)
def test_destroy_needs_the_program_and_with_it_the_hook(
    arguments: tuple[str, ...], message: str, stack: Attacked
) -> None:
    assert message in stack.destroy(*arguments)
    assert stack.holds_data()


@pytest.mark.attack("`up` without the policy pack, data removed", layer=HOOK, message=REFUSED)
def test_plain_up_without_the_pack_meets_the_hook(stack: Attacked) -> None:
    stack.configure("remove")
    assert REFUSED in stack.up()
    assert stack.holds_data()


@pytest.mark.attack("`up --target` data that was removed", layer=HOOK, message=REFUSED)
def test_a_targeted_run_meets_the_hook(stack: Attacked) -> None:
    stack.configure("remove")
    assert REFUSED in stack.up("--target", stack.urn("bucket"), "--target-dependents")
    assert stack.holds_data()


@pytest.mark.attack("`--ignore-protect`", layer=ENGINE, message="unknown flag: --ignore-protect")
def test_the_engine_has_no_way_to_ignore_protection(stack: Attacked) -> None:
    assert "unknown flag: --ignore-protect" in stack.up("--ignore-protect")
    assert stack.holds_data()


@pytest.mark.attack("remove data with every other guard gone", layer=RETENTION, message="1 deleted", alone=True)
def test_retained_data_outlives_its_entry_in_the_state(stack: Attacked) -> None:
    stack.only("retain", "rename")
    ran = stack.project.run("up", "--yes", "--skip-preview", check=True)
    assert "1 deleted" in ran.stdout
    assert stack.holds_data()


def test_without_any_guard_the_data_of_these_tests_is_really_lost(stack: Attacked) -> None:
    stack.only("", "rename")
    stack.project.run("up", "--yes", "--skip-preview", check=True)
    assert not stack.holds_data()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        attack(
            "remove",
            "remove data that nothing protects",
            GATE,
            "delete bucket: the program no longer declares it",
            alone=True,
        ),
        attack(
            "remove-component",
            "remove a component that nothing protects",
            GATE,
            "delete part-salt: the program no longer declares",
            alone=True,
        ),
        attack(
            "rename",
            "rename data that nothing protects",
            GATE,
            "share store: bucket already stands for events",
            alone=True,
        ),
        attack(
            "move",
            "change an immutable input of unprotected data",
            GATE,
            f"replace bucket: {EMPTIED}",
            alone=True,
        ),
        attack(
            "hasty",
            "delete_before_replace on unprotected data",
            GATE,
            f"replace bucket: {EMPTIED}",
            alone=True,
        ),
        attack("new-salt", "regenerate an unprotected SALT", GATE, f"replace part-salt: {EMPTIED}", alone=True),
        attack("provider", "give data another provider", GATE, f"replace part-salt: {EMPTIED}", alone=True),
        attack("import", "leave an `import_` option on data", GATE, "part-salt: it would be", alone=True),
        attack(
            "twice",
            "two resources for one bucket or volume",
            GATE,
            "twin: bucket already stands for events",
            alone=True,
        ),
    ],
)
def test_the_gate_alone_stops_an_edit(edit: str, message: str, stack: Attacked) -> None:
    stack.only("", edit)
    assert message in stack.refusals()
    assert stack.preview_code == 0, "only the gate may stand in the way"
    assert stack.holds_data()


def test_the_engine_itself_gives_data_to_another_provider_in_silence(stack: Attacked) -> None:
    stack.configure("provider")
    [before] = [entry for entry in stack.resources() if entry["urn"].endswith("::part-salt")]
    stack.project.run("up", "--yes", "--skip-preview", check=True)
    [after] = [entry for entry in stack.resources() if entry["urn"].endswith("::part-salt")]
    assert after["provider"] != before["provider"]
    assert after["id"] == before["id"]


def test_data_whose_guards_were_stripped_is_as_a_program_without_them_leaves_it(stack: Attacked) -> None:
    stack.only("")
    stack.gate()
    assert stack.plan.changes_nothing


@pytest.mark.attack(
    "refresh after the data vanished outside", layer=GATE, message="create bucket: was present, now missing", alone=True
)
def test_vanished_data_is_not_silently_made_anew(stack: Attacked) -> None:
    elsewhere = stack.root / "elsewhere"
    shutil.move(stack.data, elsewhere)
    stack.project.run("refresh", "--yes", "--skip-preview", check=True)
    assert "create bucket: was present, now missing" in stack.refusals()
    assert stack.preview_code == 0
    assert (elsewhere / "traces").is_file()
    assert not stack.data.exists()


@pytest.mark.attack(
    "take SALT out of the state, so that it would be generated anew",
    layer=GATE,
    message="create part-salt: was present, now missing",
    alone=True,
)
def test_a_secret_that_left_the_state_is_not_generated_anew(stack: Attacked) -> None:
    stack.forget("part-salt")
    assert "create part-salt: was present, now missing" in stack.refusals()
    assert stack.preview_code == 0, "only the gate may stand in the way"
    assert stack.holds_data()


@pytest.mark.attack("drop protect, keep the data", layer="policy: data-protected", message="and not protected")
def test_the_pack_stops_data_that_is_declared_without_protection(stack: Attacked) -> None:
    stack.configure("unprotect")
    assert "and not protected" in stack.pack()
    assert stack.preview_code != 0
    assert stack.holds_data()


@pytest.mark.attack(
    "drop retention or the delete hook, keep the data",
    layer=GATE,
    message="declared without retain_on_delete, delete_hook",
    alone=True,
)
def test_the_gate_stops_data_that_loses_what_the_pack_cannot_see(stack: Attacked) -> None:
    stack.configure(without=("retain", "hook"))
    assert "declared without retain_on_delete, delete_hook" in stack.refusals()
    stack.pack()
    assert stack.preview_code == 0, "only the gate may stand in the way"
    assert stack.holds_data()


def test_an_allowed_change_passes_the_gate_and_nothing_else_does(stack: Attacked) -> None:
    stack.only("", "move")
    today = dt.datetime.now(tz=dt.UTC).date()
    reason = "Moved by hand to the other region."
    allowed = [Allowed(urn=stack.urn("bucket"), operation="replace", reason=reason, expires=today)]
    left = {(refusal.name, refusal.operation) for refusal in stack.gate(allowed).refusals}
    assert ("bucket", "replace") not in left
    assert ("bucket", "unguard") in left


@pytest.mark.parametrize("edit", ["", "one-more"])
def test_a_normal_change_passes_the_whole_pack_and_the_gate_without_any_approval(edit: str, stack: Attacked) -> None:
    stack.configure(edit)
    said = stack.pack()
    assert stack.preview_code == 0, said
    assert ("+ docker:index/container:Container" in said) is (edit == "one-more"), said
    assert stack.gate().refusals == ()
    assert stack.preview_code == 0
