"""The table of start states and the step that each gives: the tests try every line, and the page shows it."""

from dataclasses import dataclass, replace
from typing import Any

from components.releases import BACKFILL, RELEASES, WriteMode
from ops.upgrade.decide import Verdict
from ops.upgrade.state import (
    Background,
    BackupSeen,
    ClickHouseLedger,
    Goal,
    LiveState,
    PostgresLedger,
    Shape,
    Shipped,
    changed,
)
from ops.upgrade.steps import StepId

THREE, FOUR = RELEASES["3"].version, RELEASES["4"].version
OLD, NEW = "24.10.2.80", "25.12.3.21"
LAST_3, LAST_4 = "20260629000000_add_parquet_blob_storage_file_type", "20260821121500_backfill_evaluator_v2"
DROP = "LANGFUSE_BACKGROUND_MIGRATION_V4_DROP_PID_TID_SORTING_TABLES"


@dataclass(frozen=True)
class Case:
    """One start state, what is wanted of it, and what must come of it."""

    start: str
    """In words."""
    live: LiveState
    wanted: str
    """In words."""
    goal: Goal
    asked: Shape
    verdict: Verdict
    step: StepId | None = None
    rules: tuple[str, ...] = ()
    ready: bool = False


def three(version: str = THREE, clickhouse: str = NEW, **facts: Any) -> LiveState:
    """Release 3 with data, a backup of a moment ago, and nothing in the way."""
    usual = LiveState(
        shape=Shape(version, "legacy", backfill=False, clickhouse=clickhouse),
        clickhouse_ledger=ClickHouseLedger(37),
        postgres_ledger=PostgresLedger(424, LAST_3),
        postgres=15,
        redis="7.2.11",
        background=(
            Background("20241024_migrate_traces_from_pg_to_ch", "finished"),
            Background("20260701_v4_step_1_create_root_spans_from_traces", "unfinished", BACKFILL),
        ),
        traces=1200,
        data_bytes=2_000_000_000,
        free_bytes=20_000_000_000,
        backup=BackupSeen("newest", 1, 37, 424),
    )
    return replace(usual, **facts)


def four(mode: WriteMode = "dual", *, backfill: bool = False, version: str = FOUR, **facts: Any) -> LiveState:
    """Release 4 with data of release 3, and a backup of a moment ago."""
    usual = three(
        shape=Shape(version, mode, backfill=backfill, clickhouse=NEW),
        clickhouse_ledger=ClickHouseLedger(46),
        postgres_ledger=PostgresLedger(434, LAST_4),
        background=(*copying("unfinished"), Background("20260521_v4_step_5_drop_tables", "unfinished", DROP)),
        backup=BackupSeen("newest", 1, 46, 434),
    )
    return replace(usual, **facts)


def copying(state: Any, reason: str = "") -> tuple[Background, ...]:
    """The background migration that copies release 3's rows."""
    return (Background("20260701_v4_step_1_create_root_spans_from_traces", state, BACKFILL, reason),)


def to(version: str, **facts: Any) -> Goal:
    """A goal, with the image that the next version has."""
    last = LAST_4 if version.startswith("4") else LAST_3
    image = Shipped(version, 46 if version.startswith("4") else 37, last, **facts)
    return Goal(version, image)


def _case(start: str, live: LiveState, wanted: str, goal: Goal, *expected: Any, **more: Any) -> Case:
    """A case whose settings still ask for what runs."""
    return Case(start, live, wanted, goal, live.shape, *expected, **more)


def _asked(start: str, live: LiveState, wanted: str, asked: Shape, *expected: Any, **more: Any) -> Case:
    """A case whose settings were changed."""
    return Case(start, live, wanted, to(asked.version), asked, *expected, **more)


LEGAL, REFUSED, NOTHING = Verdict.LEGAL, Verdict.REFUSED, Verdict.NOTHING
ON_4 = changed(three().shape, version=FOUR, write_mode="dual")
EVENTS = changed(ON_4, write_mode="events_only", backfill=True)
COPIED = changed(ON_4, backfill=True)
HALF_DONE = four(half_done="web runs 4.16.0, the worker 3.225.4")
NOT_FINISHED = (REFUSED, "finish", ("not-next",))
WAITING = (Background("20241024_migrate_traces_from_pg_to_ch", "unfinished"),)
FAILED = (Background("20241024_migrate_traces_from_pg_to_ch", "failed", reason="batch too large"),)
DONE = four(backfill=True, background=copying("finished"))
VIA_LAST = replace(to(FOUR), image=to(THREE).image)
TO_4 = f"`--to {FOUR}`"

CASES: tuple[Case, ...] = (
    _case("3, all well", three(), "nothing", to(THREE), NOTHING),
    _case("3, older patch", three("3.200.0"), f"`--to {THREE}`", to(THREE), LEGAL, "version"),
    _asked("3, older patch", three("3.200.0"), "settings ask for it", three().shape, LEGAL, "version", ready=True),
    _case("3, all well", three(), "`--to 3.100.0`", to("3.100.0"), REFUSED, rules=("downgrade",)),
    _asked("4", DONE, "settings ask for 3", three().shape, REFUSED, rules=("downgrade", "downgrade")),
    _case(
        "3, ledger ahead of the image",
        three(clickhouse_ledger=ClickHouseLedger(38)),
        "nothing",
        to(THREE),
        REFUSED,
        rules=("downgrade",),
    ),
    _case(
        "3, ClickHouse ledger dirty",
        three(clickhouse_ledger=ClickHouseLedger(35, dirty=True)),
        TO_4,
        to(FOUR),
        REFUSED,
        rules=("ledger-dirty",),
    ),
    _case(
        "3, a Postgres migration unfinished",
        three(postgres_ledger=PostgresLedger(420, LAST_3, ("20260601_x",))),
        f"`--to {THREE}`",
        to(THREE),
        REFUSED,
        rules=("ledger-dirty",),
    ),
    _case(
        "4 on web, 3 on the worker",
        HALF_DONE,
        TO_4,
        to(FOUR),
        LEGAL,
        "finish",
        ready=True,
    ),
    _asked("4 on web, 3 on the worker", HALF_DONE, "settings ask for `events_only`", EVENTS, *NOT_FINISHED),
    _asked("4 on web, 3 on the worker", HALF_DONE, "settings ask for the copy", COPIED, *NOT_FINISHED),
    _asked(
        "4 on web, 3 on the worker",
        HALF_DONE,
        "settings ask for ClickHouse 26.4",
        changed(ON_4, clickhouse="26.4.1"),
        *NOT_FINISHED,
    ),
    _case("3, not the last known version", three("3.100.0"), TO_4, VIA_LAST, LEGAL, "version"),
    _asked(
        "3, not the last known version",
        three("3.100.0"),
        "settings ask for 4",
        ON_4,
        REFUSED,
        "version",
        ("not-next",),
    ),
    _case("3, ClickHouse 24.10", three(clickhouse=OLD), TO_4, to(FOUR), LEGAL, "clickhouse"),
    _asked(
        "3, ClickHouse 24.10",
        three(clickhouse=OLD),
        "settings ask for 25.12",
        three().shape,
        LEGAL,
        "clickhouse",
        ready=True,
    ),
    _asked(
        "3, ClickHouse 24.10",
        three(clickhouse=OLD),
        "settings ask for 4",
        changed(ON_4, clickhouse=OLD),
        REFUSED,
        "clickhouse",
        ("not-next",),
    ),
    _asked(
        "3, ClickHouse 24.10",
        three(clickhouse=OLD),
        "settings ask for 4 and 25.12 at once",
        ON_4,
        REFUSED,
        "clickhouse",
        ("not-next",),
    ),
    _asked(
        "3, ClickHouse 25.12",
        three(),
        "settings ask for 24.10",
        changed(three().shape, clickhouse=OLD),
        REFUSED,
        rules=("downgrade",),
    ),
    _case("3, Postgres 14", three(postgres=14), TO_4, to(FOUR), REFUSED, "release", ("postgres-floor",)),
    _case("3, Redis 6.2", three(redis="6.2.14"), TO_4, to(FOUR), REFUSED, "release", ("redis-floor",)),
    _case(
        "3, background migration unfinished",
        three(background=WAITING),
        TO_4,
        to(FOUR),
        REFUSED,
        "release",
        ("background-unfinished",),
    ),
    _case(
        "3, background migration failed",
        three(background=FAILED),
        f"`--to {THREE[:-1]}9`",
        to(f"{THREE[:-1]}9"),
        REFUSED,
        "version",
        ("background-unfinished",),
    ),
    _case("3, no backup", three(backup=None), TO_4, to(FOUR), REFUSED, "release", ("no-backup",)),
    _case(
        "3, backup of two days ago",
        three(backup=BackupSeen("old", 48, 37, 424)),
        TO_4,
        to(FOUR),
        REFUSED,
        "release",
        ("no-backup",),
    ),
    _case(
        "3, a table that is dropped holds rows",
        three(),
        TO_4,
        to(FOUR, destructive=("0045_drop_project_environments.up.sql",)),
        REFUSED,
        "release",
        ("destructive",),
    ),
    _case("3, all well", three(), TO_4, to(FOUR), LEGAL, "release"),
    _asked("3, all well", three(), "settings ask for 4 in `dual`", ON_4, LEGAL, "release", ready=True),
    Case(
        "3, all well",
        three(),
        "settings ask for 4, which the inventory lacks",
        replace(to(FOUR), recorded=False),
        ON_4,
        REFUSED,
        "release",
        ("unrecorded",),
    ),
    _asked("3, all well", three(), "settings ask for 4 in `events_only`", EVENTS, REFUSED, "release", ("not-next",)),
    _asked("3, nothing stored", three(traces=0), "settings ask for 4", EVENTS, LEGAL, "release", ready=True),
    _case("3, the stand-in", three(stand_in=True), TO_4, to(FOUR), REFUSED, rules=("stand-in",)),
    _case(
        "3, all well",
        three(),
        "`--to 5.0.0`",
        Goal("5.0.0", None),
        REFUSED,
        rules=("release-unknown", "release-skipped"),
    ),
    _case("4 in `legacy`", four("legacy", background=copying("unfinished")), "nothing", to(FOUR), LEGAL, "dual"),
    _case("4 in `dual`, nothing copied", four(), "nothing", to(FOUR), LEGAL, "backfill"),
    _asked(
        "4 in `dual`, nothing copied",
        four(),
        "settings ask for the copy",
        COPIED,
        LEGAL,
        "backfill",
        ready=True,
    ),
    _case(
        "4 in `dual`, disk almost full",
        four(free_bytes=3_000_000_000),
        "nothing",
        to(FOUR),
        REFUSED,
        "backfill",
        ("disk",),
    ),
    _asked(
        "4 in `dual`, nothing copied",
        four(),
        "settings ask for `events_only`",
        EVENTS,
        REFUSED,
        "backfill",
        ("not-next",),
    ),
    _case(
        "4 in `dual`, copy under way",
        four(backfill=True),
        "nothing",
        to(FOUR),
        REFUSED,
        "cutover",
        ("background-unfinished",),
    ),
    _case(
        "4 in `dual`, copy failed",
        four(backfill=True, background=copying("failed", "code 497")),
        "nothing",
        to(FOUR),
        REFUSED,
        "cutover",
        ("background-unfinished",),
    ),
    _case("4 in `dual`, all copied", DONE, "nothing", to(FOUR), LEGAL, "cutover"),
    _asked("4 in `dual`, all copied", DONE, "settings ask for `events_only`", EVENTS, LEGAL, "cutover", ready=True),
    _asked(
        "4 in `dual`, all copied, no backup",
        replace(DONE, backup=None),
        "settings ask for `events_only`",
        EVENTS,
        REFUSED,
        "cutover",
        ("no-backup",),
    ),
    _asked(
        "4 in `dual`, all copied, backup of release 3",
        replace(DONE, backup=BackupSeen("before", 2, 37, 424)),
        "settings ask for `events_only`",
        EVENTS,
        REFUSED,
        "cutover",
        ("no-backup",),
    ),
    _asked(
        "4 in `dual`, all copied",
        DONE,
        "settings ask for `legacy`",
        changed(ON_4, write_mode="legacy"),
        REFUSED,
        rules=("write-mode-backwards",),
    ),
    _case(
        "4 in `events_only`",
        four("events_only", backfill=True, background=copying("finished")),
        "nothing",
        to(FOUR),
        NOTHING,
    ),
    _asked(
        "4 in `events_only`",
        four("events_only", backfill=True, background=copying("finished")),
        "settings ask for `dual`",
        COPIED,
        REFUSED,
        rules=("write-mode-backwards",),
    ),
    _case(
        "4 in `events_only`",
        four("events_only", backfill=True, background=copying("finished")),
        "`--to 4.17.0`",
        to("4.17.0"),
        LEGAL,
        "version",
    ),
)
"""Every line of the table; the first number is the release that runs."""
