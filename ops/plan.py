"""One gated run of the engine: preview, plan gate, and then exactly what the gate read."""

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from rich.markup import escape
from rich.table import Table

from ops.evidence import transcribed
from ops.fingerprint import fingerprint, of_state, remember, remembered
from ops.guarded import inventory_of, lacking
from ops.owner import second_owner
from ops.preview import ENFORCED, preview
from ops.progress import followed, name_of
from ops.session import OpsError, RefusedError, Session, errors_in
from ops.state import read_state
from ops.terminal import Console, waiting
from policy.allowed_changes import FILE, AllowListError, read_allowed
from policy.guards import in_one_line
from policy.plan import Plan, PlanError
from policy.plan_gate import Verdict, judge
from settings.recorded import of_resources

UP = ("up", "--yes", "--skip-preview", *ENFORCED)
ECHOES = frozenset(
    {"update failed", "preview failed", "resource monitor shut down while waiting on step's done channel"}
)
"""Errors of the engine that only say that there was one."""
SYMBOLS = {"create": "[green]+[/]", "update": "[yellow]~[/]", "delete": "[red]-[/]"}


class GateRefusedError(RefusedError):
    """The plan would lose data, or cannot be read."""


@dataclass(frozen=True)
class GatedPlan:
    """A plan that the gate let through, and what it stands on."""

    plan: Plan
    stands_on: dict[str, str]
    judges_shape_only: bool = False
    """Whether there was no state to compare the program with."""
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Guards that the state lacks; see `policy.guards`."""

    def is_done(self, session: Session) -> bool:
        """Whether the last successful run left exactly this behind, so that the engine has nothing to write."""
        return self.plan.changes_nothing and remembered(session.name) == self.stands_on


def gated_plan(session: Session, console: Console, **overrides: object) -> GatedPlan:
    """Preview the stack and let the plan gate read the plan.

    Args:
        session: the stack.
        console: takes what would change and what the gate noted; what the engine says goes the same way.
        overrides: settings `langfuse-stack:<name>` for this run only.

    Raises:
        GateRefusedError: lists everything that was refused, or says why there is no plan to read.
    """
    with waiting.on("the engine's preview"):
        read = preview(session, **overrides)
    resources = read.state.resources
    unguarded = lacking(session, resources)
    if unguarded:
        console.print(f"[bold red]GUARDS[/]  {escape(in_one_line(unguarded))}")
    try:
        plan = read.plan
        today = dt.datetime.now(tz=dt.UTC).date()
        allowed = read_allowed(FILE, today)
        had = of_resources(resources).known_data
        verdict = judge(plan, resources, allowed, today, known=had, inventory=inventory_of(session))
    except (PlanError, AllowListError) as error:
        session.check_passphrase()
        raise GateRefusedError(f"{error}; nothing was applied\n{read.ran.stderr.strip()[-2000:]}".strip()) from None
    show(plan, console)
    for warning in (*plan.warnings, *second_owner(session, read.state.owner_email)):
        console.print(f"[yellow]warning[/]  {escape(warning)}")
    for note in verdict.notes:
        console.print(f"[yellow]allow list[/]  {escape(note)}")
    if verdict.refusals:
        raise GateRefusedError(_refused(verdict, plan))
    if read.ran.returncode != 0:
        session.check_passphrase()
        # Policies are not part of the engine's JSON: let it say in its own words what is wrong.
        session.run(session.with_config("preview", *ENFORCED, **overrides), aside=console.stderr)
        raise GateRefusedError("the preview failed, so there is no plan to apply; nothing was changed")
    return GatedPlan(plan, read.stands_on, judges_shape_only=not resources, lacking=unguarded)


def apply(session: Session, gated: GatedPlan, console: Console, **overrides: object) -> int:
    """Apply a plan, unless everything is as it should be already.

    Args:
        session: the stack, held by `exclusive`.
        gated: what the gate let through.
        console: takes the outcome where the engine has nothing to do; what the engine says goes the same way.
        overrides: the settings that the plan was made with.

    Returns:
        Exit code of the engine.

    Raises:
        GateRefusedError: program, settings, images, engine or state changed since the gate read the plan.
    """
    if gated.is_done(session):
        console.print(f"0 changes, {len(gated.plan.steps)} unchanged")
        return 0
    stands_on = _standing_on(replace(session), **overrides)
    moved = [part for part, digest in stands_on.items() if gated.stands_on[part] != digest]
    if moved:
        raise GateRefusedError(
            f"changed since the gate read the plan: {', '.join(moved)}. Nothing was applied; run the command again"
        )
    session.event_log.unlink(missing_ok=True)
    argv = session.with_config(*UP, "--event-log", str(session.event_log), **overrides)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        with followed(session.event_log, console, gated.plan.warnings):
            code = transcribed("pulumi up", argv, partial(session.run, into=said))
        if code and not _causes(session):
            said.seek(0)
            console.print(said.read(), markup=False)
    if code == 0:
        remember_applied(session, **overrides)
    return code


def remember_applied(session: Session, **overrides: object) -> None:
    """Keep what a successful run left behind, so that the next one can see that there is nothing to do."""
    remember(session.name, _standing_on(session, **overrides))


def show(plan: Plan, console: Console) -> None:
    """Print what would change, a line a resource, and how much stays."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    changes = plan.changes
    for urn, (operation, changed) in changes.items():
        table.add_row(
            SYMBOLS.get(operation, "[magenta]±[/]"), operation, escape(name_of(urn)), escape(", ".join(changed))
        )
    if table.row_count:
        console.print(table)
    counts = Counter(operation for operation, _ in changes.values())
    counts["unchanged"] = len({step.urn for step in plan.steps} - changes.keys())
    console.print(", ".join(f"{count} {word}" for word, count in sorted((+counts).items())))


def as_dict(gated: GatedPlan) -> dict[str, Any]:
    """The plan for a script: steps and names of what changes, no values."""
    steps = [
        {"op": step.op, "urn": step.urn, "changed": step.changed}
        for step in gated.plan.steps
        if not step.changes_nothing
    ]
    lacks = {urn: list(guards) for urn, guards in gated.lacking.items()}
    return {"steps": steps, "unchanged": len(gated.plan.steps) - len(steps), "missing_guards": lacks}


def require_done(session: Session, code: int) -> None:
    """Let only the engine's exit code pass that says success.

    Raises:
        OpsError: it failed; says so when the passphrase was the reason.
    """
    if code != 0:
        session.check_passphrase()
        causes = _causes(session)
        if not causes:
            raise OpsError(f"the engine ended with exit code {code}: what it said before says why")
        raise OpsError("\n".join(["the engine could not finish:", *causes]))


def _causes(session: Session) -> list[str]:
    return [text for text in errors_in(session.event_log) if text not in ECHOES]


def _standing_on(session: Session, **overrides: object) -> dict[str, str]:
    return fingerprint(session, **overrides) | of_state(read_state(session).export)


def _refused(verdict: Verdict, plan: Plan) -> str:
    lines = ["the plan gate refused this run; nothing was applied"]
    for refusal in verdict.refusals:
        lines += [
            f"  {refusal.operation}: {refusal.name} is {refusal.what}",
            f"    why: {refusal.why}",
            f"    fix: {refusal.fix}",
            f"    urn: {refusal.urn}",
        ]
    lines += [f"  the engine also said: {error.removeprefix('error: ')}" for error in plan.errors]
    return "\n".join(lines)
