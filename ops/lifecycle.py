"""`up`, `preview` and `down`: the engine, with everything around it that makes a run safe to repeat."""

import sys
from pathlib import Path

from rich.console import Console

from checks.base import CheckFailedError
from ops import report
from ops.evidence import recorded
from ops.plan import apply, as_json, exit_unless_done, gated_plan
from ops.preflight import preflight
from ops.recover import exclusive, recover
from ops.session import OpsError, RefusedError, Session, open_session
from ops.smoke import access


def up(stack: str, config_file: Path | None) -> None:
    """Put the stack up and prove it end to end.

    Raises:
        OpsError: the machine is not ready, the plan gate refused, or a gate did not open.
    """
    console = Console()
    session = open_session(stack, config_file)
    report.resolve_images(session, console)
    with recorded(session, "langfuse_self_host_executed") as run:
        with exclusive(session):
            session.create()
            recover(session, console)
            preflight(session)
            converge(session, console)
        with access(session) as to:
            report.follow(to, console)
        try:
            run.facts["checks"] = report.summary(session, console)
        except CheckFailedError as failure:
            raise OpsError(str(failure)) from None


def preview(stack: str, config_file: Path | None, *, json: bool = False) -> None:
    """Show what `up` would do, and whether policy pack and plan gate let it.

    Raises:
        OpsError: the preview failed, for example at a policy, or the plan gate refused.
    """
    console = Console(stderr=json)
    session = open_session(stack, config_file)
    report.resolve_images(session, console)
    session.create()
    plan = gated_plan(session, console)
    if json:
        sys.stdout.write(as_json(plan) + "\n")


def down(stack: str, config_file: Path | None) -> None:
    """Remove the containers and the network; keep everything that holds data.

    Raises:
        OpsError: the engine failed, or the plan gate refused.
    """
    console = Console()
    session = open_session(stack, config_file)
    with recorded(session, "down"), exclusive(session):
        if not session.exists():
            raise RefusedError(f"there is no stack {stack}: nothing is up")
        recover(session, console)
        converge(session, console, running=False)
    console.print("Nothing runs any more; every volume, bucket, schema and secret is kept. `make up` starts again.")


def converge(session: Session, console: Console, **overrides: bool | None) -> None:
    """Make the stack what the program says, through the plan gate; exits with the engine's code if that fails.

    Args:
        session: the stack, held by `exclusive`.
        console: takes the plan.
        overrides: settings `langfuse-stack:<name>` for this run only; None leaves one out.
    """
    exit_unless_done(session, apply(session, gated_plan(session, console, **overrides), console, **overrides))
