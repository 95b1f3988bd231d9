"""What was measured of one stack at one moment. What could not be measured says why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from checks.relay import Queue as Held
from platforms.spec import Memory

T = TypeVar("T")


@dataclass(frozen=True)
class Unseen:
    """Something that could not be measured."""

    why: str
    """Free of secrets."""
    foreign: bool = False
    """Whether somebody else's server keeps it from Langfuse's login: then nothing is missing here."""


@dataclass(frozen=True)
class Day:
    """One full day (UTC) of rows."""

    date: date
    events: int
    busiest_hour: float
    """Events per second, in the hour that had the most."""


@dataclass(frozen=True)
class Rate:
    """Rows of traces, observations, scores or events that ClickHouse took in, by the time it took them in."""

    last_minutes: float
    """Events per second over the last five minutes."""
    last_hour: float
    """Events per second over the last hour."""
    days: Sequence[Day]
    """Full days, oldest first, from the first that had events on."""
    stored: int
    """Rows of all time."""


DELETION_QUEUES = (
    "trace-delete",
    "score-delete",
    "dataset-delete",
    "project-delete",
    "data-retention-processing-queue",
)
"""Queues of what Langfuse was asked to delete; it retries their failed jobs every 10 minutes."""


@dataclass(frozen=True)
class Queue:
    """One queue of jobs."""

    name: str
    waiting: int
    active: int
    delayed: int
    failed: int
    oldest_seconds: float | None
    """How long the oldest waiting job has been waiting; None when none waits."""

    @property
    def failed_for_good(self) -> int:
        """Failed jobs that nobody tries again; Langfuse itself retries deletions."""
        return 0 if self.name in DELETION_QUEUES else self.failed


@dataclass(frozen=True)
class Growth:
    """How fast something grows, and how that is known."""

    per_day: float
    basis: str


RESERVED = 0.06
"""Share of a file system that may be kept for root."""
ASKED_APART, BARELY_APART = 0.005, 0.0005
"""Share of a file system that may be filled between two questions; the latter where a quota or a large reserve makes
its two sizes differ by more than what is usually kept for root."""


@dataclass(frozen=True)
class Disk:
    """Space that one store's data is on."""

    store: str
    """`clickhouse` or `minio`, with the disk's own name where the store has several."""
    total: int
    """Bytes."""
    free: int
    """Bytes."""
    growth: Growth | Unseen = Unseen("not enough history")

    @property
    def used(self) -> int:
        """Bytes in use, by whatever."""
        return self.total - self.free


def of_one_machine(disks: "Sequence[Disk | Unseen]") -> "list[Disk | Unseen]":
    """Each file system once, under the names of all stores on it.

    Stores of one machine see the same room; how much there is in all differs by what is reserved for root, which only
    some leave out. Nobody but root can use it, so the smaller size is the one that fills up, as `df` counts it.
    """
    found: list[Disk | Unseen] = []
    for disk in disks:
        for at, known in enumerate(found):
            if isinstance(disk, Disk) and isinstance(known, Disk) and _is_same(disk, known):
                found[at] = Disk(f"{known.store}, {disk.store}", min(known.total, disk.total), known.free)
                break
        else:
            found.append(disk)
    return found


def _is_same(one: Disk, other: Disk) -> bool:
    larger = max(one.total, other.total)
    apart = ASKED_APART if abs(one.total - other.total) <= RESERVED * larger else BARELY_APART
    return abs(one.free - other.free) <= apart * larger


@dataclass(frozen=True)
class Parts:
    """Pieces in which ClickHouse keeps a table; many small ones slow it down until it refuses rows."""

    table: str
    parts: int
    most: int
    """In one partition."""
    rows: int
    size: int
    """Bytes on disk."""
    delay_at: int
    """Parts in one partition from which on inserts are slowed down."""
    refuse_at: int
    """Parts in one partition from which on inserts are refused."""


@dataclass(frozen=True)
class Measurement:
    """All of it."""

    rate: Rate | Unseen
    queues: Sequence[Queue] | Unseen
    disks: Sequence[Disk | Unseen]
    parts: Sequence[Parts] | Unseen
    memory: Sequence[Memory | Unseen]
    relay: Held | Unseen | None = None
    """None where there is no relay so far."""
    notes: Sequence[str] = ()
    """What is measured elsewhere, and where; nothing that is missing here."""

    @property
    def unseen(self) -> list[str]:
        """Why, for everything that could not be measured; a growth that is not known yet does not count."""
        return [entry.why for entry in self._unseen if not entry.foreign]

    @property
    def kept_back(self) -> list[str]:
        """What somebody else's server keeps from Langfuse's login."""
        return [entry.why for entry in self._unseen if entry.foreign]

    @property
    def _unseen(self) -> list[Unseen]:
        whole = (self.rate, self.queues, self.parts)
        everything = (*whole, self.relay, *self.disks, *self.memory)
        return [entry for entry in everything if isinstance(entry, Unseen)]


def seen(entries: "Sequence[T | Unseen] | Unseen") -> list[T]:
    """What was measured of several things."""
    return [] if isinstance(entries, Unseen) else [entry for entry in entries if not isinstance(entry, Unseen)]
