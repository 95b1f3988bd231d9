"""Which step of an upgrade is next, and whether it may be taken. Pure: the same facts give the same decision."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from components.releases import RELEASES, WRITE_MODES
from ops.upgrade.state import Goal, LiveState, Shape, major, release_of
from ops.upgrade.steps import Step, way
from policy.inventories import numbers

BACKUP_HOURS = 24
"""A backup older than this is none before a step that cannot be taken back."""
COPY_FACTOR = 2
"""The copy needs twice the data's size beside the data itself."""
GIGABYTE = 1e9
BACK_UP = "`make backup`, proven by `make rehearse`; `--apply` makes one of its own before it looks again"


class Verdict(StrEnum):
    """What comes of a decision."""

    NOTHING = "nothing to do"
    LEGAL = "legal"
    REFUSED = "refused"


@dataclass(frozen=True)
class Refusal:
    """A rule that stands in the way."""

    rule: str
    """Id; `RULES` explains it."""
    seen: str
    fix: str


@dataclass(frozen=True)
class Decision:
    """What is next."""

    verdict: Verdict
    step: Step | None = None
    """The next one on the way, also when it is refused."""
    refusals: tuple[Refusal, ...] = ()
    then: tuple[Step, ...] = ()
    """The steps after it."""
    ready: bool = False
    """Whether the settings ask for exactly this step, so that it can be applied."""


RULES = {
    "ledger-dirty": "ClickHouse's ledger is dirty, or a Postgres migration is unfinished",
    "downgrade": "an image that ships less than the ledgers hold, an older version, or an older ClickHouse",
    "write-mode-backwards": "from `events_only` or `dual` back: what was written since would not be seen",
    "release-unknown": "a major release that this program does not know",
    "release-skipped": "a major release is left out",
    "stand-in": "the stand-in and the real Langfuse, which never share data",
    "background-unfinished": "a background migration that the worker works on, or failed at, before a new version",
    "destructive": "a pending migration takes data away, and nobody approved it",
    "postgres-floor": "a Postgres that is too old for the release",
    "redis-floor": "a Redis that is too old for the release",
    "no-backup": f"no backup of the last {BACKUP_HOURS} hours, of these ledgers, before what cannot be taken back",
    "disk": f"less room than {COPY_FACTOR} times the data before it is copied",
    "unrecorded": "a major release that the stack's inventory does not list",
    "not-next": "settings that ask for another step than the next one, or for several at once",
}
"""Every rule, and what it refuses."""


def decide(live: LiveState, goal: Goal, asked: Shape) -> Decision:
    """The next step.

    Args:
        live: the stack as it runs.
        goal: where it shall go.
        asked: what its settings ask for.
    """
    first = (*_broken(live), *_backwards(live, goal, asked), *_unreachable(live, goal))
    if first:
        return Decision(Verdict.REFUSED, refusals=first)
    steps = way(live, goal, asked)
    if not steps:
        return _at_rest(live, asked)
    step, *later = steps
    refusals = [*_obstacles(step, live, goal)]
    ready = step.fits(asked)
    if not ready and not _untouched(live, asked):
        refusals.append(_not_next(step, live, asked))
    if ready and step.id == "release" and not goal.recorded:
        release = f"release {major(step.target.version)} is not in the stack's inventory"
        refusals.append(Refusal("unrecorded", release, "`make inventory`, then review and commit the file"))
    verdict = Verdict.REFUSED if refusals else Verdict.LEGAL
    return Decision(verdict, step, tuple(refusals), tuple(later), ready and not refusals)


def _broken(live: LiveState) -> Iterator[Refusal]:
    ledger, unfinished = live.clickhouse_ledger, live.postgres_ledger.unfinished
    if ledger.dirty:
        fix = "`make doctor`: its row clickhouse-ledger-dirty says which row to add; nothing is ever forced"
        yield Refusal("ledger-dirty", f"ClickHouse's migration {ledger.version} was cut short", fix)
    if unfinished:
        fix = "`make doctor`: its row postgres-migration-failed says how it is tried again"
        yield Refusal("ledger-dirty", f"Postgres migrations are unfinished: {', '.join(unfinished)}", fix)


def _backwards(live: LiveState, goal: Goal, asked: Shape) -> Iterator[Refusal]:
    runs, back = live.shape, "restore a backup of before, into a stack of its own; to stay, set"
    for version in dict.fromkeys((goal.version, asked.version)):
        if numbers(version) < numbers(runs.version):
            seen = f"Langfuse {version} is older than {runs.version}, which has migrated the data"
            yield Refusal("downgrade", seen, f"{back} langfuse:version to {runs.version}")
    image, ledgers = goal.image, (live.clickhouse_ledger.version, live.postgres_ledger.newest)
    if image and (image.clickhouse < ledgers[0] or image.postgres < ledgers[1]):
        seen = (
            f"the image of {image.version} ships migrations to {image.clickhouse} and {image.postgres}, "
            f"the ledgers are at {ledgers[0]} and {ledgers[1]}"
        )
        yield Refusal("downgrade", seen, f"{back} langfuse:version to the one that migrated last, or newer")
    if numbers(asked.clickhouse) < numbers(runs.clickhouse):
        seen = f"ClickHouse {asked.clickhouse} is older than {runs.clickhouse}, which has written the data"
        yield Refusal("downgrade", seen, f"set clickhouse:image to {runs.clickhouse} or newer")
    if major(runs.version) == major(asked.version) == "4":
        before, after = WRITE_MODES.index(runs.write_mode), WRITE_MODES.index(asked.write_mode)
        if after < before:
            fix = f"set langfuse:writeMode to {runs.write_mode}, or remove it for events_only"
            yield Refusal("write-mode-backwards", f"from {runs.write_mode} to {asked.write_mode}", fix)


def _unreachable(live: LiveState, goal: Goal) -> Iterator[Refusal]:
    here, there = major(live.shape.version), major(goal.version)
    known = " and ".join(RELEASES)
    if here not in RELEASES or there not in RELEASES:
        unknown = here if here not in RELEASES else there
        fix = f"this program runs the releases {known}: use a version of it that knows release {unknown}"
        yield Refusal("release-unknown", f"release {unknown}", fix)
    if int(there) > int(here) + 1:
        yield Refusal("release-skipped", f"from {here} to {there}", f"go to the last version of {int(here) + 1} first")
    if goal.image and goal.image.stand_in != live.stand_in:
        names = ("the real Langfuse", "the stand-in")
        seen = f"{names[live.stand_in]} runs, and {goal.image.version} would be {names[goal.image.stand_in]}"
        yield Refusal("stand-in", seen, "keep the image there is, or take another langfuse-stack:instance")


def _obstacles(step: Step, live: LiveState, goal: Goal) -> Iterator[Refusal]:
    if step.id in {"version", "release", "cutover"}:
        yield from _background(live)
    if step.id in {"version", "release"}:
        if goal.image and goal.image.destructive:
            fix = "`python -m ops migrations` shows what it costs; docs/migrations.md, When it blocks"
            yield Refusal("destructive", ", ".join(goal.image.destructive), fix)
        yield from _floors(step, live)
    if step.id in {"release", "cutover"}:
        yield from _no_backup(live)
    if step.id == "backfill" and live.free_bytes < COPY_FACTOR * live.data_bytes:
        seen = f"{live.free_bytes / GIGABYTE:.1f} GB are free for a copy of {live.data_bytes / GIGABYTE:.1f} GB"
        yield Refusal("disk", seen, "give ClickHouse's volume more (clickhouse:volumeGb), then run this again")


def _background(live: LiveState) -> Iterator[Refusal]:
    failed = [row for row in live.due if row.state == "failed"]
    for row in failed:
        fix = "`make doctor`: its row langfuse-background-migrations says how it is tried again"
        yield Refusal("background-unfinished", f"{row.name} failed: {row.reason[:160]}", fix)
    waiting = [row.name for row in live.due if row.state == "unfinished"]
    if waiting and not failed:
        seen = f"{len(live.background) - len(waiting)} of {len(live.background)} are finished, next {waiting[0]}"
        fix = "wait for the worker, then run this again; `make doctor` says when one is stuck"
        yield Refusal("background-unfinished", seen, fix)


def _floors(step: Step, live: LiveState) -> Iterator[Refusal]:
    release = release_of(step.target.version)
    if live.postgres < release.postgres_floor:
        seen = f"Postgres {live.postgres}, release {release.name} needs {release.postgres_floor}"
        fix = "a new server of that version, and a dump restored into it: Postgres reads no data of another version"
        yield Refusal("postgres-floor", seen, fix)
    if numbers(live.redis)[:2] < release.redis_floor:
        floor = ".".join(str(part) for part in release.redis_floor)
        seen = f"Redis {live.redis}, release {release.name} needs {floor}"
        yield Refusal("redis-floor", seen, f"set redis:image to {floor} or newer, then `make up`")


def _no_backup(live: LiveState) -> Iterator[Refusal]:
    backup = live.backup
    if backup is None:
        yield Refusal("no-backup", "there is no finished backup", BACK_UP)
    elif backup.age_hours > BACKUP_HOURS:
        yield Refusal("no-backup", f"the newest, {backup.id}, is {backup.age_hours:.0f} h old", BACK_UP)
    else:
        held = (backup.clickhouse_ledger, backup.postgres_ledger)
        ledgers = (live.clickhouse_ledger.version, live.postgres_ledger.finished)
        if held != ledgers:
            seen = f"the newest, {backup.id}, is of ledgers {held[0]} and {held[1]}, now {ledgers[0]} and {ledgers[1]}"
            yield Refusal("no-backup", seen, BACK_UP)


def _untouched(live: LiveState, asked: Shape) -> bool:
    """Whether the settings still ask for what runs."""
    return asked == live.shape


def _at_rest(live: LiveState, asked: Shape) -> Decision:
    if _untouched(live, asked) or asked.backfill != live.shape.backfill:
        return Decision(Verdict.NOTHING)
    seen = f"the settings ask for {_said(asked)}, {_said(live.shape)} runs and is where it shall be"
    return Decision(Verdict.REFUSED, refusals=(Refusal("not-next", seen, "set them back"),))


def _not_next(step: Step, live: LiveState, asked: Shape) -> Refusal:
    seen = f"the settings ask for {_said(asked)}, {_said(live.shape)} runs, and the next step is another: {step.title}"
    change = "; ".join(f"`{line}`" for line in step.settings) or f"ask for {_said(step.target)}"
    return Refusal("not-next", seen, f"one step at a time: {change}")


def _said(shape: Shape) -> str:
    copied = "" if shape.backfill or shape.write_mode != "dual" else ", nothing copied"
    mode = f" ({shape.write_mode}{copied})" if major(shape.version) != "3" else ""
    return f"Langfuse {shape.version}{mode} on ClickHouse {shape.clickhouse}"
