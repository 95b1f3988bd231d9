"""The steps of an upgrade, in the order in which a stack takes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ops.upgrade.state import Goal, LiveState, Shape, changed, major, release_of
from policy.inventories import numbers

DUAL = ("pulumi config set langfuse:writeMode dual", "pulumi config set langfuse:backfill false")
StepId = Literal["finish", "version", "clickhouse", "release", "dual", "backfill", "cutover"]


@dataclass(frozen=True)
class Step:
    """One change of settings, applied by one run."""

    id: StepId
    title: str
    why: str
    target: Shape
    """What the settings must ask for; of ClickHouse at least that version."""
    settings: tuple[str, ...]
    """Commands that change the settings file, which is then reviewed and committed."""

    def fits(self, asked: Shape) -> bool:
        """Whether settings ask for exactly this step."""
        if self.id == "clickhouse":
            newer = numbers(asked.clickhouse) >= numbers(self.target.clickhouse)
            return newer and changed(asked, clickhouse="") == changed(self.target, clickhouse="")
        return asked == self.target


def way(live: LiveState, goal: Goal, asked: Shape) -> list[Step]:
    """Every step from where a stack is to where it shall be; what stands in the way of each is another question.

    Args:
        live: the stack.
        goal: of a release that this program knows, not older than what runs.
        asked: what the settings ask for: a newer ClickHouse there is a step of its own.
    """
    return list(_steps(live, goal, asked))


def _steps(live: LiveState, goal: Goal, asked: Shape) -> Iterator[Step]:
    shape = live.shape
    if live.half_done:
        yield _finish(live, goal)
    if major(shape.version) != major(goal.version):
        last = release_of(shape.version).version
        if numbers(shape.version) < numbers(last):
            shape = changed(shape, version=last)
            yield _version(shape, "the last known version of its release comes first: later ones drop what it moves")
    wanted = _clickhouse(live, goal, asked)
    if wanted:
        shape = changed(shape, clickhouse=wanted)
        yield _upgrade_clickhouse(shape, asked)
    if major(shape.version) != major(goal.version):
        mode = "dual" if live.traces else "events_only"
        shape = changed(shape, version=goal.version, write_mode=mode, backfill=not live.traces)
        yield _release(shape, live.traces)
    elif numbers(shape.version) != numbers(goal.version):
        shape = changed(shape, version=goal.version)
        yield _version(shape, "a newer version of the same release")
    if major(goal.version) == "4":
        yield from _write_modes(live, shape)


def _write_modes(live: LiveState, shape: Shape) -> Iterator[Step]:
    """From release 3's tables to release 4's."""
    if shape.write_mode == "legacy":
        shape = changed(shape, write_mode="dual", backfill=False)
        why = "what comes in is kept in the old tables and in the new ones"
        yield Step("dual", "write both releases' tables", why, shape, DUAL)
    if not shape.backfill and (live.uncopied or major(live.shape.version) == "3"):
        shape = changed(shape, backfill=True)
        yield Step(
            "backfill",
            "copy release 3's rows into release 4's tables",
            "the worker does it once, in the background, newest first; the old rows stay",
            shape,
            ("pulumi config rm langfuse:backfill",),
        )
    if shape.write_mode == "dual":
        left = () if shape.backfill else ("pulumi config rm langfuse:backfill",)
        yield Step(
            "cutover",
            "write and read release 4's tables alone",
            "the point of no return: release 3's API paths answer 404, and its tables get nothing new",
            changed(shape, write_mode="events_only", backfill=True),
            ("pulumi config rm langfuse:writeMode", *left),
        )


def _finish(live: LiveState, goal: Goal) -> Step:
    return Step(
        "finish",
        f"finish what was begun: {live.shape.version}",
        live.half_done,
        live.shape,
        () if goal.version == live.shape.version else _version_settings(live.shape.version),
    )


def _version(shape: Shape, why: str) -> Step:
    return Step("version", f"Langfuse {shape.version}", why, shape, _version_settings(shape.version))


def _release(shape: Shape, rows: int) -> Step:
    why = "nothing was stored yet, so release 4's tables alone are written"
    if rows:
        why = f"{rows:,} rows of release 3 stay readable: both releases' tables are written, nothing is copied yet"
    settings = (*_version_settings(shape.version), *(DUAL if rows else ()))
    return Step("release", f"Langfuse {shape.version}", why, shape, settings)


def _upgrade_clickhouse(shape: Shape, asked: Shape) -> Step:
    newest = numbers(asked.clickhouse) >= numbers(shape.clickhouse)
    change = () if newest else (f"pulumi config set clickhouse:image clickhouse/clickhouse-server:{shape.clickhouse}",)
    why = "every release runs on a newer ClickHouse, so that comes first and alone; there is no way back"
    return Step("clickhouse", f"ClickHouse {shape.clickhouse} or newer", why, shape, change)


def _clickhouse(live: LiveState, goal: Goal, asked: Shape) -> str:
    """Version that ClickHouse must be brought to; empty when it may stay."""
    floor = goal.clickhouse_floor(release_of(goal.version))
    if numbers(live.shape.clickhouse)[: len(floor)] < floor:
        return ".".join(str(part) for part in floor)
    return asked.clickhouse if numbers(asked.clickhouse) > numbers(live.shape.clickhouse) else ""


def _version_settings(version: str) -> tuple[str, ...]:
    return (f'pulumi config set langfuse:release "{major(version)}"', f"pulumi config set langfuse:version {version}")
