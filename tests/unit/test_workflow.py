"""The CI workflow: that it can fail where something is wrong, and says what it does not judge."""

from typing import Any

import pytest
import yaml

from tests.unit.recorder import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
EVENTS = WORKFLOW[True]
"""YAML takes the key `on` for true."""
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]


def steps(job: str) -> list[dict[str, Any]]:
    return [step for step in JOBS[job]["steps"] if "run" in step]


def runs(command: str) -> list[str]:
    return [name for name in JOBS for step in steps(name) if step["run"] == command]


def test_every_push_and_pull_request_runs_the_whole_test_suite() -> None:
    assert {"push", "pull_request"} <= EVENTS.keys()
    [job] = runs("make test")
    assert "if" not in JOBS[job]


def test_every_night_the_fault_loops_run() -> None:
    [job] = runs("make soak")
    assert JOBS[job]["if"] == "github.event_name == 'schedule'"
    assert EVENTS["schedule"]


def test_a_second_run_fails_when_it_would_change_anything() -> None:
    commands = [step["run"] for step in steps("e2e-smoke")]
    first = commands.index("make up")
    assert "python3 toolchain/venv.py -m ops up --expect-no-changes" in commands[first + 1 :]


def test_a_preview_of_production_without_its_state_says_that_it_judges_shape_only() -> None:
    [step] = [step for name in JOBS for step in steps(name) if "STACK=prod" in step["run"]]
    assert "Shape of production only" in step["name"]


def test_a_push_does_not_cancel_a_nightly_run() -> None:
    concurrency = WORKFLOW["concurrency"]
    assert "github.event_name" in concurrency["group"]
    assert concurrency["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


@pytest.mark.parametrize("job", sorted(JOBS))
def test_no_step_can_fail_unseen(job: str) -> None:
    assert "continue-on-error" not in JOBS[job]
    for step in JOBS[job]["steps"]:
        assert "continue-on-error" not in step
        assert "always()" not in str(step.get("if", ""))
        assert not any(hidden in step.get("run", "") for hidden in ("|| true", "|| :", "set +e", "; true"))


@pytest.mark.parametrize("job", sorted(JOBS))
def test_every_job_ends(job: str) -> None:
    assert 0 < JOBS[job]["timeout-minutes"] <= 300
