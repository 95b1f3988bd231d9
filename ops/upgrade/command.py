"""The `upgrade` command: what is next, and with `--apply` that step."""

import json
import sys
from pathlib import Path

from rich.console import Console

from evidence import EvidenceError
from ops import report
from ops.failure import fail
from ops.session import OpsError, RefusedError, Session, open_session
from ops.stackfile import StackFileError
from ops.upgrade import show
from ops.upgrade.apply import apply as take
from ops.upgrade.decide import Verdict
from ops.upgrade.look import looking
from ops.upgrade.planned import Plan, planned
from settings import SettingsError
from toolchain.report import ToolchainError

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
    try:
        session = open_session(stack, config_file)
        report.resolve_images(session, console)
        plan = None if apply else _plan(session, to)
    except (OpsError, StackFileError, SettingsError, ToolchainError) as error:
        fail(error, COULD_NOT_LOOK, as_json=as_json)
    if plan is None:
        plan = _taken(session, to, console, rehearse=rehearse, as_json=as_json)
        console.print(NEXT, highlight=False)
    elif not as_json:
        show.show(plan, stack, console)
    if as_json:
        print(json.dumps({"applied": apply, **show.as_dict(plan, stack)}, indent=2))
    sys.exit(REFUSED if plan.decision.verdict is Verdict.REFUSED else FINE)


def _plan(session: Session, to: str | None) -> Plan:
    with looking(session) as eyes:
        return planned(eyes, to)


def _taken(session: Session, to: str | None, console: Console, *, rehearse: bool, as_json: bool) -> Plan:
    try:
        return take(session, to, console, rehearse=rehearse)
    except (RefusedError, OpsError, EvidenceError, ToolchainError, SettingsError) as error:
        fail(error, REFUSED, as_json=as_json)
