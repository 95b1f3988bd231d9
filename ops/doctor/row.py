"""What a row of the doctor is: a complaint that people had, how it is seen, and what mends it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ops.doctor.access import Access


class Part(StrEnum):
    """The part of the stack a row is about."""

    CLICKHOUSE = "clickhouse"
    POSTGRES = "postgres"
    REDIS = "redis"
    STORE = "object store"
    LANGFUSE = "langfuse"
    GATEWAY = "gateway"
    SETTINGS = "settings"


class NotApplicableError(Exception):
    """The row has nothing to look at in this stack; the message says why."""


@dataclass(frozen=True)
class Seen:
    """What a probe saw."""

    healthy: bool
    evidence: str
    """Free of secrets."""
    fix: str | None = None
    """More exact than the row's own, where the probe knows more."""


def fine(evidence: str) -> Seen:
    """What was looked at is as it must be."""
    return Seen(healthy=True, evidence=evidence)


def wrong(evidence: str, fix: str | None = None) -> Seen:
    """What was looked at is not as it must be."""
    return Seen(healthy=False, evidence=evidence, fix=fix)


Probe = Callable[["Access"], Seen]
Verdict = Literal["healthy", "finding", "not seen", "not applicable"]


@dataclass(frozen=True)
class Row:
    """One complaint.

    `fix` may hold `{database}`, `{schema}` and `{catalog}` (Postgres' database), which stand for the stack's own, and
    what `ops.doctor.words.Words` has: `{restart langfuse-web}`, `{psql GRANT …}`.
    """

    id: str
    part: Part
    symptom: str
    """What people see or grep for."""
    cause: str
    detected: str
    """How the live stack is asked, in words."""
    fix: str
    """Additive: nothing it says removes data."""
    probe: Probe | None = None
    """Raises `NotApplicableError`, or whatever a driver raises when the part does not answer."""
    signatures: tuple[str, ...] = ()
    """Regular expressions of the real message texts."""
    log_of: tuple[str, ...] = ()
    """Services whose recent log is searched for the signatures, where nothing else shows the trouble."""


@dataclass(frozen=True)
class Result:
    """What became of one row."""

    row: Row
    verdict: Verdict
    evidence: str
    fix: str = ""
