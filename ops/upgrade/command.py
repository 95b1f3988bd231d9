"""The `upgrade` command: what is next, and with `--apply` that step."""

import sys
from pathlib import Path

from ops import report
from ops.answer import answer
from ops.failure import explained
from ops.session import Session, open_session
from ops.terminal import Console, waiting
from ops.upgrade import show
from ops.upgrade.apply import apply as take
from ops.upgrade.decide import Verdict
from ops.upgrade.look import looking, require_stack
from ops.upgrade.planned import Plan, planned

FINE, REFUSED, COULD_NOT_LOOK = 0, 1, 2
NEXT = "`python -m ops upgrade` shows what comes next"


def upgrade(
    stack: str, config_file: Path | None, *, to: str | None, apply: bool, rehearse: bool, as_json: bool
) -> None:
    """Show the next step, or take it.

    Exits 0 when there is nothing to do, or the step is legal or taken; 1 when it is refused or failed; 2 when the stack
    could not be looked at.

    Args:
        stack: name of the stack.
        config_file: its settings file.
        to: version to go to; the settings' own without one.
        apply: take the step.
        rehearse: with `apply`, prove the backup first.
        as_json: print JSON.
    """
    console = Console(stderr=as_json)
    with explained(COULD_NOT_LOOK, as_json=as_json):
        session = open_session(stack, config_file)
        require_stack(session)
        report.resolve_images(session, console)
        plan = None if apply else _plan(session, to)
    if plan is None:
        with explained(REFUSED, as_json=as_json):
            plan = take(session, to, console, rehearse=rehearse)
        console.print(NEXT)
    elif not as_json:
        show.show(plan, stack, console)
    if as_json:
        answer({"applied": apply, **show.as_dict(plan, stack)})
    sys.exit(REFUSED if plan.decision.verdict is Verdict.REFUSED else FINE)


def _plan(session: Session, to: str | None) -> Plan:
    with waiting.on("the stack's answers"), looking(session) as eyes:
        return planned(eyes, to)
