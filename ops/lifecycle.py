"""`up`, `preview` and `down`: the engine, with everything around it that makes a run safe to repeat."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape

from checks.base import CheckFailedError
from ops import report
from ops.adopt import refuse_other_keys, refuse_unowned
from ops.answer import answer
from ops.evidence import recorded
from ops.former_replicas import refuse_former_replicas
from ops.image_lock import refuse_unlocked
from ops.migrate_state import refuse_unmigrated
from ops.plan import GatedPlan, apply, as_dict, gated_plan, require_done
from ops.preflight import preflight
from ops.recover import exclusive, recover
from ops.runtime import docker_of
from ops.session import OpsError, RefusedError, Session, make, open_session
from ops.smoke import access
from ops.state import read_state
from ops.terminal import Console
from ops.volume_holder import hold, volumes_of
from ops.workers import workers_waiting
from settings import refused_release


def up(stack: str, config_file: Path | None, *, as_json: bool, expect_no_changes: bool) -> None:
    """Put the stack up and prove it end to end.

    Raises:
        OpsError: the machine is not ready, the plan gate refused, or a gate did not open; with `expect_no_changes`
            also where there is something to change.
    """
    session, console = open_session(stack, config_file, images=True), Console(stderr=as_json)
    done = put_up(session, console, expect_no_changes=expect_no_changes)
    if as_json:
        answer(done)


def put_up(session: Session, console: Console, *, expect_no_changes: bool = False) -> dict[str, Any]:
    """What `up` does; returns what a script gets.

    Raises:
        OpsError: the machine is not ready, the plan gate refused, or a gate did not open.
    """
    resolved = report.resolve_images(session, console)
    with recorded(session, "langfuse_self_host_executed") as run:
        with exclusive(session):
            refuse_unlocked(session, resolved)
            refuse_other_keys(session)
            session.create()
            preflight(session, recover(session, console))
            plan = converge(session, console, expect_no_changes=expect_no_changes)
            if docker := docker_of(session):
                hold(docker, volumes_of(plan.plan))
        with access(session) as to:
            hops = report.follow(to, console)
        try:
            outputs = report.summary(session, console)
        except CheckFailedError as failure:
            raise OpsError(str(failure)) from None
        run.facts["checks"] = outputs["checks"]
    shown = {name: outputs[name] for name in ("langfuse_url", "gateway_url", "checks")}
    return {**as_dict(plan), "hops": [asdict(hop) for hop in hops], **shown}


def preview(stack: str, config_file: Path | None, *, as_json: bool, expect_no_changes: bool) -> None:
    """Show what `up` would do, and whether policy pack and plan gate let it.

    Raises:
        OpsError: the preview failed, for example at a policy, or the plan gate refused; with `expect_no_changes` also
            where there is something to change.
    """
    console = Console(stderr=as_json)
    session = open_session(stack, config_file)
    report.resolve_images(session, console)
    refuse_other_keys(session)
    session.create()
    if session.settings.is_shared:
        state = read_state(session)
        refuse_former_replicas(session, state)
        if shutil.which("fly", path=session.environment.get("PATH")):
            refuse_unowned(session, state)
    plan = gated_plan(session, console)
    if plan.judges_shape_only:
        console.print(
            f"[yellow]shape only[/]  {escape(session.backend)} has nothing of stack {escape(stack)} yet: this judges "
            "what the program declares, not what `up` would change on a stack that runs",
        )
    if expect_no_changes:
        require_no_changes(plan)
    if as_json:
        answer({**as_dict(plan), "shape_only": plan.judges_shape_only})


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
    again = f"`{make('up', stack)}` starts again"
    console.print(f"Nothing runs any more; every volume, bucket, schema and secret is kept. {escape(again)}.")
    if as_json:
        answer(as_dict(plan))


def converge(
    session: Session, console: Console, *, expect_no_changes: bool = False, **overrides: bool | None
) -> GatedPlan:
    """Make the stack what the program says, through the plan gate; returns the plan that was applied.

    Args:
        session: the stack, held by `exclusive`.
        console: takes the plan.
        expect_no_changes: refuse a plan that has any.
        overrides: settings `langfuse-stack:<name>` for this run only; None leaves one out.

    Raises:
        RefusedError: a former version left something that is not taken over yet; or it would put a new major release
            over data, and is no upgrade.
        OpsError: the plan gate refused, or the engine failed.
    """
    refuse_unmigrated(session)
    may = overrides.get("running") is False or overrides.get("upgrading")
    if not may and (refused := refused_release(session.settings)):
        raise RefusedError(refused)
    gated = gated_plan(session, console, **overrides)
    if expect_no_changes:
        require_no_changes(gated)
    running = overrides.get("running") is not False
    with workers_waiting(session, gated.plan, console, running=running):
        require_done(session, apply(session, gated, console, **overrides))
    return gated


def require_no_changes(plan: GatedPlan) -> None:
    """Let only a plan pass in which everything stays as it is.

    Raises:
        RefusedError: it has changes; names them.
    """
    changes = plan.plan.changes
    if changes:
        named = ", ".join(f"{operation} {urn.rpartition('::')[2]}" for urn, (operation, _) in changes.items())
        raise RefusedError(f"no changes were expected, and there are {len(changes)}: {named}. Nothing was applied")
