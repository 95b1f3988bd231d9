"""One look at a stack and its settings, and the decision that follows."""

from dataclasses import dataclass, replace

from ops.session import OpsError
from ops.upgrade.decide import Decision, decide
from ops.upgrade.look import Eyes, look
from ops.upgrade.state import BackupSeen, Goal, LiveState, Shape
from ops.upgrade.wanted import asked_of, goal_of
from policy.inventories import numbers

SOON = "made by this run"


@dataclass(frozen=True)
class Plan:
    """What was seen, what is wanted, and what is next."""

    live: LiveState
    asked: Shape
    goal: Goal
    decision: Decision


def planned(eyes: Eyes, to: str | None, *, backs_up: bool = False) -> Plan:
    """Look and decide.

    Args:
        eyes: the stack, whose settings' images are resolved.
        to: version to go to; the settings' own without one.
        backs_up: whether a backup is made before the step is taken.

    Raises:
        OpsError: something cannot be looked at, or the version is none.
        ToolchainError: an image cannot be had.
    """
    live = look(eyes)
    asked = asked_of(eyes.session, live)
    goal = goal_of(eyes, live, _version(to) if to else asked.version)
    known = replace(live, backup=_as_if_made(live)) if backs_up else live
    return Plan(live, asked, goal, decide(known, goal, asked))


def _version(text: str) -> str:
    try:
        parts = numbers(text)
    except ValueError:
        parts = ()
    if len(parts) != 3 or "-" in text:  # noqa: PLR2004 - as Langfuse numbers its versions
        raise OpsError(f"--to {text}: not a version of Langfuse, as 4.16.0 is one")
    return text


def _as_if_made(live: LiveState) -> BackupSeen:
    return BackupSeen(SOON, 0, live.clickhouse_ledger.version, live.postgres_ledger.finished)
