"""`up`, `preview` and `down`: the engine, with everything around it that makes a run safe to repeat."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from checks.base import CheckFailedError
from ops import report
from ops.answer import answer
from ops.evidence import recorded
from ops.plan import GatedPlan, apply, as_dict, gated_plan, require_done
from ops.preflight import preflight
from ops.recover import exclusive, recover
from ops.session import OpsError, RefusedError, Session, open_session
from ops.smoke import access
from ops.workers import workers_waiting


def up(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """Put the stack up and prove it end to end.

    Raises:
        OpsError: the machine is not ready, the plan gate refused, or a gate did not open.
    """
    done = put_up(open_session(stack, config_file), Console(stderr=as_json))
    if as_json:
        answer(done)


def put_up(session: Session, console: Console) -> dict[str, Any]:
    """What `up` does; returns what a script gets.

    Raises:
        OpsError: the machine is not ready, the plan gate refused, or a gate did not open.
    """
    report.resolve_images(session, console)
    with recorded(session, "langfuse_self_host_executed") as run:
        with exclusive(session):
            session.create()
            recover(session, console)
            preflight(session)
            plan = converge(session, console)
        with access(session) as to:
            hops = report.follow(to, console)
        try:
            outputs = report.summary(session, console)
        except CheckFailedError as failure:
            raise OpsError(str(failure)) from None
        run.facts["checks"] = outputs["checks"]
    shown = {name: outputs[name] for name in ("langfuse_url", "gateway_url", "checks")}
    return {**as_dict(plan), "hops": [asdict(hop) for hop in hops], **shown}


def preview(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """Show what `up` would do, and whether policy pack and plan gate let it.

    Raises:
        OpsError: the preview failed, for example at a policy, or the plan gate refused.
    """
    console = Console(stderr=as_json)
    session = open_session(stack, config_file)
    report.resolve_images(session, console)
    session.create()
    plan = gated_plan(session, console)
    if as_json:
        answer(as_dict(plan))


def down(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """Remove the containers and the network; keep everything that holds data.

    Raises:
        OpsError: the engine failed, or the plan gate refused.
    """
    console = Console(stderr=as_json)
    session = open_session(stack, config_file)
    with recorded(session, "down"), exclusive(session):
        if not session.exists():
            raise RefusedError(f"there is no stack {stack}: nothing is up")
        recover(session, console)
        plan = converge(session, console, running=False)
    console.print("Nothing runs any more; every volume, bucket, schema and secret is kept. `make up` starts again.")
    if as_json:
        answer(as_dict(plan))


def converge(session: Session, console: Console, **overrides: bool | None) -> GatedPlan:
    """Make the stack what the program says, through the plan gate; returns the plan that was applied.

    Args:
        session: the stack, held by `exclusive`.
        console: takes the plan.
        overrides: settings `langfuse-stack:<name>` for this run only; None leaves one out.

    Raises:
        OpsError: the plan gate refused, or the engine failed.
    """
    gated = gated_plan(session, console, **overrides)
    running = overrides.get("running") is not False
    with workers_waiting(session, gated.plan, console, running=running):
        require_done(session, apply(session, gated, console, **overrides))
    return gated
