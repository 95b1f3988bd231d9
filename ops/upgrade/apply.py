"""Takes one step of an upgrade: a checkpoint before it, the gated run, and proof afterwards that nothing is missing."""

from collections.abc import Callable
from dataclasses import asdict

from checks.base import CheckFailedError
from evidence import record
from ops import report
from ops.backup.commands import alone
from ops.backup.show import made
from ops.evidence import Run, recorded
from ops.lifecycle import converge
from ops.preflight import preflight
from ops.recover import exclusive, recover
from ops.session import OpsError, RefusedError, Session
from ops.smoke import access as way_of
from ops.state import read_state
from ops.terminal import Console, waiting
from ops.upgrade import show
from ops.upgrade.checkpoint import Checkpoint, checkpoint, prove
from ops.upgrade.decide import Decision
from ops.upgrade.holdings import Holdings, holdings, losses, unreadable
from ops.upgrade.look import Eyes, look, looking
from ops.upgrade.planned import Plan, planned

Progress = Callable[[str], None]


def apply(session: Session, to: str | None, console: Console, *, rehearse: bool) -> Plan:
    """Take the next step, which the settings must ask for; returns the plan that it was taken by.

    Settings are never written here: they are the operator's reviewed change, and what runs must be what is committed.

    Args:
        session: the stack, with its settings' images resolved.
        to: version to go to; the settings' own without one.
        console: takes what is done.
        rehearse: restore the new backup into throw-away servers first, and compare.

    Raises:
        RefusedError: the step is not legal, or not what the settings ask for; nothing was changed.
        OpsError: the checkpoint failed, a gate did not open, or something is missing afterwards.
    """
    with recorded(session, "upgrade", {"to": to or session.settings.langfuse_version}) as run:
        with exclusive(session):
            recover(session, console)
            with looking(session) as eyes, waiting.on("the stores") as progress:
                _require(planned(eyes, to, backs_up=True).decision)
                point, plan, before = _before(eyes, to, run, progress, rehearse=rehearse)
            made(point.backup, console)
            preflight(session, read_state(session))
            converge(session, console, upgrading=True)
        with way_of(session) as way:
            report.follow(way, console)
        try:
            run.facts["checks"] = report.summary(session, console)["checks"]
        except CheckFailedError as failure:
            raise OpsError(str(failure)) from None
        _verify(session, plan, point, before, console)
    return plan


def _before(
    eyes: Eyes, to: str | None, run: Run, progress: Progress, *, rehearse: bool
) -> tuple[Checkpoint, Plan, Holdings]:
    """The checkpoint, and then a second look: what was decided must still hold, now with the backup that was made."""
    point = checkpoint(eyes, run.folder, progress)
    run.facts["checkpoint"] = {"backup": point.backup.id, "snapshots": dict(point.snapshots)}
    if rehearse:
        with alone(eyes.session):
            run.facts["checkpoint"]["rehearsed_seconds"] = round(prove(eyes, point.backup, progress), 1)
    progress("counting the rows")
    plan = planned(eyes, to)
    before = holdings(eyes.stores, eyes.way.project_id, plan.live.shape.write_mode)
    _require(plan.decision)
    run.facts["step"] = plan.decision.step.id if plan.decision.step else ""
    record("upgrade", "before", {"plan": show.as_dict(plan, eyes.session.stack), "holdings": asdict(before)})
    return point, plan, before


def _require(decision: Decision) -> None:
    """Let through only a legal step that the settings ask for.

    Raises:
        RefusedError: it is not, or there is none.
    """
    if decision.refusals:
        raise RefusedError(show.refused(decision))
    if decision.step is None:
        raise RefusedError("there is nothing to upgrade: what runs is where it shall be")
    if not decision.ready:
        lines = "\n".join(f"  {line}" for line in decision.step.settings)
        raise RefusedError(
            f"the settings do not ask for the next step yet ({decision.step.title}); nothing was changed. Change them, "
            f"have that reviewed, and run this again:\n{lines}"
        )


def _verify(session: Session, plan: Plan, point: Checkpoint, before: Holdings, console: Console) -> None:
    """See that what runs is what was asked for, and that all that was there is there and can be read.

    Raises:
        OpsError: it is not; names everything that is missing, and the checkpoint.
    """
    release = session.settings.release
    with looking(session) as eyes, waiting.on("the stores") as progress:
        progress("counting the rows again")
        live = look(eyes)
        after = holdings(eyes.stores, eyes.way.project_id, live.shape.write_mode)
        found = [
            *_not_reached(plan, live.shape.version, live.half_done),
            *losses(before, after),
            *unreadable(eyes.way.api, release.read_path, before.traces),
        ]
    ledgers = (live.clickhouse_ledger.version, live.postgres_ledger.finished)
    record(
        "upgrade",
        "after",
        {"live": asdict(live.shape), "ledgers": ledgers, "holdings": asdict(after), "missing": found},
    )
    if found:
        show.lost(found, console)
        raise OpsError(
            "the upgrade is done, and something is missing that was there before. Stop what writes, and compare with "
            f"the checkpoint: `python -m ops restore --into NAME --backup {point.backup.id}` brings it back beside "
            f"what runs (docs/upgrade.md, When something is missing); the state of before is {point.state}"
        )
    console.print(
        f"[green]✓[/] Langfuse {live.shape.version}, ledgers {ledgers[0]} and {ledgers[1]}; no table has fewer rows "
        f"({before.rows:,} before, {after.rows:,} now), {len(before.traces)} older traces are read back",
    )


def _not_reached(plan: Plan, version: str, half_done: str) -> list[str]:
    wanted = plan.asked.version
    missed = [f"Langfuse {version} runs, not {wanted}"] if version != wanted else []
    return [*missed, *([half_done] if half_done else [])]
