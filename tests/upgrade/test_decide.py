"""The planner: every line of its table, and what must hold whatever the start."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.releases import RELEASES, WRITE_MODES
from ops.doctor.rows import ROWS
from ops.upgrade.decide import RULES, Decision, Verdict, decide
from ops.upgrade.state import Goal, LiveState, Shape, changed, next_version, shape_of
from ops.upgrade.steps import way
from policy.inventories import numbers
from tests.unit.recorder import ROOT
from tests.upgrade.cases import CASES, FOUR, THREE, Case, four, three, to
from tests.upgrade.page import page


def told(decision: Decision) -> tuple[object, ...]:
    step = decision.step.id if decision.step else None
    return decision.verdict, step, tuple(refusal.rule for refusal in decision.refusals), decision.ready


@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"\W+", "-", f"{case.start} {case.wanted}"))
def test_every_line_of_the_table_gives_its_step(case: Case) -> None:
    decision = decide(case.live, case.goal, case.asked)
    assert told(decision) == (case.verdict, case.step, case.rules, case.ready)


def test_every_rule_is_in_the_table_and_every_refusal_says_how_to_go_on() -> None:
    assert {rule for case in CASES for rule in case.rules} == set(RULES)
    for case in CASES:
        for refusal in decide(case.live, case.goal, case.asked).refusals:
            assert refusal.seen
            assert refusal.fix


def test_no_two_lines_of_the_table_start_alike() -> None:
    assert len({(case.start, case.wanted) for case in CASES}) == len(CASES)


def test_the_page_is_what_the_planner_does() -> None:
    assert (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8") == page(), (
        "run `python3 toolchain/venv.py -m tests.upgrade.page > docs/upgrade.md`"
    )


def test_every_row_of_the_doctor_that_a_fix_names_exists() -> None:
    named = {
        row
        for case in CASES
        for refusal in decide(case.live, case.goal, case.asked).refusals
        for row in re.findall(r"its row ([a-z-]+)", refusal.fix)
    }
    assert len(named) == 3
    assert named <= {row.id for row in ROWS}


def test_the_whole_way_from_release_3_is_one_legal_step_after_the_other() -> None:
    live = three("3.100.0", "24.10.2.80")
    taken = []
    for _ in range(10):
        goal = _goal(live)
        planned = decide(live, goal, live.shape)
        if planned.step is None:
            break
        asked = planned.step.target
        decision = decide(live, goal, asked)
        assert (decision.verdict, decision.ready) == (Verdict.LEGAL, True), decision
        taken.append(planned.step.id)
        live = _after(goal, asked)
    assert taken == ["version", "clickhouse", "release", "backfill", "cutover"]
    assert told(decide(live, to(FOUR), live.shape)) == (Verdict.NOTHING, None, (), False)


def test_an_empty_stack_goes_to_release_4_at_once() -> None:
    steps = way(three(traces=0), to(FOUR), three().shape)
    assert [step.id for step in steps] == ["release"]
    assert steps[0].target.write_mode == "events_only"


def test_the_plan_names_the_steps_that_come_after() -> None:
    decision = decide(three(), to(FOUR), three().shape)
    assert [step.id for step in decision.then] == ["backfill", "cutover"]


def test_an_image_that_says_on_how_old_a_clickhouse_it_runs_is_believed() -> None:
    goal = to(FOUR)
    assert goal.image
    goal = replace(goal, image=replace(goal.image, clickhouse_floor=(24, 3)))
    old = three(clickhouse="24.10.2.80")
    assert told(decide(old, goal, old.shape)) == (Verdict.LEGAL, "release", (), False)


@pytest.mark.parametrize(
    ("live", "goal", "next_"),
    [
        (THREE, FOUR, FOUR),
        ("3.1.0", FOUR, THREE),
        ("3.1.0", "3.2.0", "3.2.0"),
        (FOUR, THREE, THREE),
        ("4.1.0", "5.0.0", FOUR),
    ],
)
def test_the_last_known_version_of_a_release_comes_before_the_next_release(live: str, goal: str, next_: str) -> None:
    assert next_version(live, goal) == next_


def test_what_a_release_does_without_being_told_is_known() -> None:
    assert shape_of(THREE, {}, "25.12") == Shape(THREE, "legacy", backfill=False, clickhouse="25.12")
    assert shape_of(FOUR, {}, "25.12") == Shape(FOUR, "events_only", backfill=True, clickhouse="25.12")


@pytest.mark.parametrize("mode", WRITE_MODES)
@pytest.mark.parametrize("backfill", [True, False])
def test_what_the_settings_ask_for_is_what_runs_afterwards(mode: str, backfill: bool) -> None:
    release = RELEASES["4"].written(mode, backfill=backfill)  # type: ignore[arg-type]
    shape = shape_of(FOUR, release.write_mode_env, "25.12")
    assert (shape.write_mode, shape.backfill) == (mode, backfill and mode != "legacy")


VERSIONS = st.sampled_from(["3.0.1", "3.200.0", THREE, "3.300.0", "4.0.0", FOUR, "4.20.1"])
SHAPES = st.builds(
    Shape,
    VERSIONS,
    st.sampled_from(WRITE_MODES),
    st.booleans(),
    st.sampled_from(["24.3.1", "24.10.2.80", "25.12.3.21", "26.4.1"]),
)


HALF_DONE = st.sampled_from(["", "web runs 4.16.0, the worker 3.225.4"])


@given(SHAPES, SHAPES, VERSIONS, st.booleans(), HALF_DONE)
def test_nothing_that_goes_backwards_is_ever_let_through(
    runs: Shape, asked: Shape, goal: str, rows: bool, half_done: str
) -> None:
    base = four() if runs.version.startswith("4") else three()
    live = replace(base, shape=runs, traces=1200 * rows, half_done=half_done)
    decision = decide(live, to(goal), asked)
    if decision.ready:
        assert decision.step
        assert (decision.step.id == "finish") == bool(half_done)
        assert asked == runs or not half_done
        assert numbers(asked.version) >= numbers(runs.version)
        assert numbers(asked.clickhouse) >= numbers(runs.clickhouse)
        if (runs.version[0], asked.version[0]) == ("4", "4"):
            assert WRITE_MODES.index(asked.write_mode) >= WRITE_MODES.index(runs.write_mode)
        if (runs.version[0], asked.version[0]) == ("3", "4"):
            assert numbers(asked.clickhouse) >= (25, 12)
            assert asked.write_mode == ("dual" if rows else "events_only")


def _goal(live: LiveState) -> Goal:
    return replace(to(FOUR), image=to(next_version(live.shape.version, FOUR)).image)


def _after(goal: Goal, asked: Shape) -> LiveState:
    """What runs once a step is taken: migrated, with a backup, and what the worker may do done."""
    usual = four() if asked.version.startswith("4") else three()
    done = tuple(replace(row, state="finished") for row in usual.background) if asked.backfill else usual.background
    assert goal.image
    return replace(usual, shape=changed(asked), background=done)
