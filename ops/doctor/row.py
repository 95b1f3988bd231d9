"""What a row of the doctor is: a complaint that people had, how it is seen, and what mends it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    RELAY = "relay"
    GATEWAY = "gateway"
    SETTINGS = "settings"
    PLATFORM = "platform"


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
    names: Mapping[str, str] = field(default_factory=dict)
    """For the placeholders of the row's fix."""


def fine(evidence: str) -> Seen:
    """What was looked at is as it must be."""
    return Seen(healthy=True, evidence=evidence)


def wrong(evidence: str, fix: str | None = None, names: Mapping[str, str] | None = None) -> Seen:
    """What was looked at is not as it must be."""
    return Seen(healthy=False, evidence=evidence, fix=fix, names=names or {})


Probe = Callable[["Access"], Seen]
Verdict = Literal["healthy", "finding", "not seen", "not applicable"]


@dataclass(frozen=True)
class Row:
    """One complaint.

    `fix` may hold `{database}`, `{schema}` and `{catalog}` (Postgres' database), which stand for the stack's own;
    what a message names, as `{host}`, also in `cause`; and what `ops.doctor.words.Words` has: `{restart langfuse-web}`,
    `{psql GRANT …}`.
    """

    id: str
    part: Part
    symptom: str
    """What people see or grep for."""
    cause: str
    detected: str
    """How the live stack is asked, in words; empty where only a log shows the trouble."""
    fix: str
    """Additive: nothing it says removes data."""
    probe: Probe | None = None
    """Raises `NotApplicableError`, or whatever a driver raises when the part does not answer. None where only a log
    shows the trouble; `signatures.yaml` says whose."""
    tolerated: int = 0
    """Lines of the last minutes that are no trouble yet, where only a log shows it and it is harmless when rare."""


@dataclass(frozen=True)
class Result:
    """What became of one row."""

    row: Row
    verdict: Verdict
    evidence: str
    fix: str = ""
    """Of a finding; of what was not seen, what would let it be."""


def logged(name: str, part: Part, symptom: str, cause: str, fix: str, *, tolerated: int = 0) -> Row:
    """A row that only a log shows."""
    return Row(name, part, symptom, cause, "", fix, tolerated=tolerated)
