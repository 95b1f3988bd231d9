"""What a decision about an upgrade is made from: plain facts, whoever gathered them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from components.releases import BACKFILL, RELEASES, WRITE_MODE, Release, ReleaseName, WriteMode
from policy.inventories import numbers

BackgroundState = Literal["finished", "failed", "unfinished"]


@dataclass(frozen=True)
class ClickHouseLedger:
    """The newest row of `schema_migrations`; version 0 before the first."""

    version: int
    dirty: bool = False


@dataclass(frozen=True)
class PostgresLedger:
    """What `_prisma_migrations` says."""

    finished: int
    newest: str
    """Name of the newest finished migration."""
    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True)
class Background:
    """One row of `background_migrations`, which the worker works off."""

    name: str
    state: BackgroundState
    gate: str = ""
    """Variable of the worker without which it is left alone."""
    reason: str = ""
    """Why it failed."""


@dataclass(frozen=True)
class BackupSeen:
    """The newest finished backup."""

    id: str
    age_hours: float
    clickhouse_ledger: int
    postgres_ledger: int


@dataclass(frozen=True)
class Shape:
    """What settings decide about how Langfuse works with its data."""

    version: str
    """Of Langfuse."""
    write_mode: WriteMode
    backfill: bool
    """Whether the worker may copy release 3's rows into release 4's tables."""
    clickhouse: str
    """Version of the server."""


@dataclass(frozen=True)
class LiveState:
    """A stack as it runs."""

    shape: Shape
    """Of web where web and worker differ: web is changed first, and alone migrates."""
    clickhouse_ledger: ClickHouseLedger
    postgres_ledger: PostgresLedger
    postgres: int
    """Major version of the server."""
    redis: str
    """Version of the server."""
    background: tuple[Background, ...] = ()
    traces: int = 0
    """Rows in release 3's tables of traces and observations."""
    data_bytes: int = 0
    """Of Langfuse's ClickHouse database."""
    free_bytes: int = 1 << 40
    """Of ClickHouse's disk."""
    backup: BackupSeen | None = None
    stand_in: bool = False
    half_done: str = ""
    """How web and worker differ, or what is down, in words; empty when nothing is."""

    @property
    def ledgers_broken(self) -> bool:
        """Whether a migration was cut short."""
        return self.clickhouse_ledger.dirty or bool(self.postgres_ledger.unfinished)

    @property
    def due(self) -> tuple[Background, ...]:
        """Background migrations that must end before anything else: those that the worker works on, or failed at."""
        return tuple(row for row in self.background if row.state != "finished" and self._wanted(row))

    @property
    def uncopied(self) -> tuple[Background, ...]:
        """Those that copy release 3's rows into release 4's tables, as far as they are not finished."""
        return tuple(row for row in self.background if row.state != "finished" and row.gate == BACKFILL)

    def _wanted(self, row: Background) -> bool:
        return not row.gate or (row.gate == BACKFILL and self.shape.backfill)


@dataclass(frozen=True)
class Shipped:
    """What a web image brings."""

    version: str
    clickhouse: int
    """Newest ClickHouse migration."""
    postgres: str
    """Name of the newest Postgres migration."""
    destructive: tuple[str, ...] = ()
    """Pending files that would take data away, and that nobody approved."""
    stand_in: bool = False
    clickhouse_floor: tuple[int, ...] | None = None
    """Oldest ClickHouse it runs on, where the image says so itself."""


@dataclass(frozen=True)
class Goal:
    """Where the operator wants to go."""

    version: str
    image: Shipped | None
    """Of the version that comes next on the way there; None when there is no way."""
    recorded: bool = True
    """Whether the stack's inventory lists the goal's major release."""

    def clickhouse_floor(self, release: Release) -> tuple[int, ...]:
        """Oldest ClickHouse that a release runs on here."""
        return (self.image and self.image.clickhouse_floor) or release.clickhouse_floor


def major(version: str) -> str:
    """Major release of a version."""
    return version.partition(".")[0]


def release_of(version: str) -> Release:
    """The release that a version belongs to.

    Raises:
        KeyError: this program does not know it.
    """
    return RELEASES[cast("ReleaseName", major(version))]


def reachable(live: str, goal: str) -> bool:
    """Whether this program knows both releases, and none lies between."""
    return {major(live), major(goal)} <= set(RELEASES) and int(major(goal)) <= int(major(live)) + 1


def next_version(live: str, goal: str) -> str:
    """The version that comes next on the way from one to another.

    The last known version of a release comes before the next release: migrations of that next one drop tables whose
    content older versions still had to move, and would do so in the same start.
    """
    if int(major(goal)) <= int(major(live)):
        return goal
    last = release_of(live).version
    return last if numbers(live) < numbers(last) else goal


def shape_of(version: str, environment: Mapping[str, str], clickhouse: str) -> Shape:
    """What a version of Langfuse does with these variables; what is not said is as Langfuse has it."""
    four = major(version) != "3"
    return Shape(
        version=version,
        write_mode=cast("WriteMode", environment.get(WRITE_MODE, "events_only" if four else "legacy")),
        backfill=environment.get(BACKFILL, "true" if four else "false") == "true",
        clickhouse=clickhouse,
    )


def changed(shape: Shape, **values: Any) -> Shape:
    """A shape with some of it changed."""
    return replace(shape, **values)
