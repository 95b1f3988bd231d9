"""What is applied is what the gate read, and nothing is applied where nothing would change."""

from collections.abc import Callable
from dataclasses import replace

import pytest

import ops.preview
from ops.fingerprint import of_state
from ops.plan import GatedPlan, GateRefusedError, apply, as_dict, gated_plan
from ops.session import Session
from ops.state import State, read_state
from ops.terminal import Console
from tests.attacks import attack
from tests.engine.attacked import Attacked

pytestmark = pytest.mark.engine
FINGERPRINT = "fingerprint of the plan"
QUIET = Console(quiet=True)


def applied(session: Session) -> GatedPlan:
    """The plan of a further run after one that succeeded."""
    assert apply(session, gated_plan(session, QUIET), QUIET) == 0
    return gated_plan(session, QUIET)


def edit_program(stack: Attacked) -> None:
    program = stack.project.folder / "__main__.py"
    program.write_text(program.read_text() + "\n# edited\n")


def edit_settings(stack: Attacked) -> None:
    stack.configure("remove")


def edit_vault(stack: Attacked) -> None:
    (stack.root / "vault.json").write_text('{"another": "value"}')


def edit_state(stack: Attacked) -> None:
    stack.project.run("state", "unprotect", "--all", "--yes", check=True)


CHANGED = "changed since the gate read the plan:"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        attack(edit_program, "edit the program between preview and up", FINGERPRINT, f"{CHANGED} program", alone=True),
        attack(edit_settings, "change a setting between preview and up", FINGERPRINT, f"{CHANGED} settings"),
        attack(edit_vault, "change a secret in the vault between preview and up", FINGERPRINT, f"{CHANGED} settings"),
        attack(edit_state, "`state unprotect` between preview and up", FINGERPRINT, f"{CHANGED} state", alone=True),
    ],
)
def test_what_changed_since_the_gate_read_the_plan_is_refused(
    edit: Callable[[Attacked], None], message: str, stack: Attacked, session: Session
) -> None:
    gated = gated_plan(session, QUIET)
    edit(stack)
    with pytest.raises(GateRefusedError) as refused:
        apply(session, gated, QUIET)
    assert message in str(refused.value)
    assert stack.holds_data()


def test_a_preview_runs_once_and_again_where_the_state_beside_it_was_another(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written in between, so that the plan was made from what the gate did not see."""
    reads: list[State] = []

    def older_at_first(session: Session) -> State:
        reads.append(read_state(session))
        if len(reads) == 2:
            reads[-1].resources[-1]["modified"] = "2001-01-01T00:00:00Z"  # type: ignore[index]
        return reads[-1]

    monkeypatch.setattr(ops.preview, "read_state", older_at_first)
    assert gated_plan(session, QUIET).stands_on["state"] == of_state(reads[0].export)["state"]
    assert len(reads) == 1
    assert gated_plan(session, QUIET).stands_on["state"] == of_state(read_state(session).export)["state"]
    assert len(reads) == 3


def test_a_run_in_which_nothing_changes_leaves_the_engine_alone(session: Session) -> None:
    gated = applied(session)
    assert gated.is_done(session)
    before = read_state(session).export
    assert apply(session, gated, QUIET) == 0
    assert read_state(session).export == before


def test_a_difference_that_only_the_state_holds_is_still_written(stack: Attacked, session: Session) -> None:
    assert applied(session).is_done(session)
    edit_state(stack)
    gated = gated_plan(session, QUIET)
    assert not gated.is_done(session)
    assert apply(session, gated, QUIET) == 0
    protected = [entry["urn"] for entry in stack.resources() if entry.get("protect")]
    assert stack.urn("bucket") in protected


def test_guards_that_plain_pulumi_took_out_are_named_in_one_line_and_put_back(
    stack: Attacked, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.configure(without=("protect", "retain", "hook"))
    stack.project.run("up", "--yes", "--skip-preview", check=True)
    stack.configure()
    gated = gated_plan(session, Console(width=200))
    said = "the state lacks protect, retain_on_delete, delete_hook of bucket, part-salt; `up` puts them back"
    assert [line for line in capsys.readouterr().out.splitlines() if said in line] == [f"GUARDS  {said}"]
    assert as_dict(gated)["missing_guards"][stack.urn("bucket")] == ["protect", "retain_on_delete", "delete_hook"]
    assert apply(session, gated, QUIET) == 0
    assert not gated_plan(session, QUIET).lacking


@pytest.mark.soak
def test_an_edit_without_any_effect_on_the_plan_is_still_given_to_the_engine(stack: Attacked, session: Session) -> None:
    assert applied(session).is_done(session)
    edit_program(stack)
    gated = gated_plan(session, QUIET)
    assert gated.plan.changes_nothing
    assert not gated.is_done(session)


def test_all_refusals_are_listed_together_with_what_the_engine_said(stack: Attacked, session: Session) -> None:
    stack.configure("remove-component")
    with pytest.raises(GateRefusedError) as refused:
        gated_plan(session, QUIET)
    for words in ("delete: ", "the program no longer declares it", "the engine also said", "urn: urn:pulumi:test"):
        assert words in str(refused.value)


def test_a_program_that_fails_leaves_nothing_to_apply(stack: Attacked, session: Session) -> None:
    (stack.project.folder / "__main__.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(GateRefusedError, match=r"preview failed|nothing was applied"):
        gated_plan(session, QUIET)


def test_what_the_gate_says_shows_no_secret(
    stack: Attacked, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.configure("new-salt")
    with pytest.raises(GateRefusedError) as refused:
        gated_plan(session, Console())
    shown = capsys.readouterr().out + str(refused.value)
    assert "part-salt" in shown
    [salt] = [entry for entry in read_state(session, show_secrets=True).resources if "::part-salt" in entry["urn"]]
    hidden = [value for value in salt["outputs"].values() if isinstance(value, dict) and "plaintext" in value]
    secrets = [salt["id"], *(value["plaintext"].strip('"') for value in hidden)]
    assert len(secrets) > 1
    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize("name", ["organization/test", "organization/attacked/test"])
def test_a_stack_can_be_named_in_full(name: str, session: Session) -> None:
    left_behind = applied(session).stands_on
    named = replace(session, stack=name)
    assert named.exists()
    gated = gated_plan(named, QUIET)
    assert gated.is_done(named)
    assert gated.stands_on == left_behind
    assert not replace(session, stack="acme/test").exists()
    assert not replace(session, stack="est").exists()
