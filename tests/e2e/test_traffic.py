"""Traces under traffic: smoke stays right, a killed service loses none, and what ClickHouse lost comes back."""

import logging
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.load import Load, Stored, all_stored, query, stored
from tests.e2e.stack import Answer, TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
BACK_SECONDS = 90
LONG = 50 * 1200
"""More traces than are ever sent before the sender is told to stop."""
log = logging.getLogger(__name__)


def kill(stack: TestStack, service: str, *, away: float = 3) -> None:
    """SIGKILL a service, and let it come back after a while."""
    stack.docker("kill", "--signal", "KILL", stack.container(service))
    time.sleep(away)
    stack.docker("start", stack.container(service))
    deadline = time.monotonic() + BACK_SECONDS
    health = "{{.State.Health.Status}}"
    while stack.docker("inspect", "--format", health, stack.container(service)) != "healthy":
        assert time.monotonic() < deadline, f"{service} did not come back"
        time.sleep(0.5)


def replayed(stack: TestStack, since: datetime) -> int:
    """Bring back what lacks rows since then; how many raw events did."""
    window = ("--from", since.isoformat(), "--to", datetime.now(UTC).isoformat())
    run = stack.script("replay", *window, "--apply")
    assert run.code == 0, run.said
    return int(run.document["raw_events"])


def jobs_on_the_way(stack: TestStack) -> int:
    run = stack.script("replay", "--from", "1m", "--to", datetime.now(UTC).isoformat())
    assert run.code == 0, run.said
    return int(run.document["jobs_on_the_way"])


@pytest.fixture
def since(stack: TestStack) -> datetime:
    assert stack
    return datetime.now(UTC) - timedelta(seconds=1)


def test_a_killed_worker_loses_no_acknowledged_trace(stack: TestStack, since: datetime) -> None:
    with Load.of(stack, 300) as load:
        time.sleep(2)
        kill(stack, "langfuse-worker")
    assert len(load.acknowledged) == load.count
    if not all_stored(stack, load, seconds=60):
        replayed(stack, since)
    assert all_stored(stack, load)
    assert stored(stack, load) == stored(stack, load, "observations") == Stored(load.count, load.count)


def test_rows_that_an_operator_deleted_are_all_back_and_none_twice(stack: TestStack, since: datetime) -> None:
    with Load.of(stack, 1000, rate=200) as load:
        pass
    assert all_stored(stack, load)
    query(stack, "DELETE FROM traces WHERE startsWith(id, {prefix:String})", prefix=load.prefix)
    query(stack, "DELETE FROM observations WHERE startsWith(trace_id, {prefix:String})", prefix=load.prefix)
    assert stored(stack, load) == stored(stack, load, "observations") == Stored(0, 0)
    shown = stack.script("replay", "--from", since.isoformat(), "--to", datetime.now(UTC).isoformat())
    assert (shown.code, shown.document["applied"]) == (0, False)
    assert shown.document["missing"] == {"observations": 1000, "traces": 1000}
    assert stored(stack, load).rows == 0, "a dry run changes nothing"
    assert replayed(stack, since) > 0
    assert all_stored(stack, load)
    assert replayed(stack, since) == 0
    assert stored(stack, load) == stored(stack, load, "observations") == Stored(1000, 1000)


def smoked(stack: TestStack, times: int) -> list[Answer]:
    """What smoke says, again and again, while 50 traces a second come in."""
    with Load.of(stack, LONG) as load:
        seen = [stack.script("smoke") for _ in range(times)]
        assert load.runs, "the load ended before smoke did"
        assert len(load.acknowledged) > times
        load.stop()
    return seen


def test_smoke_is_right_while_others_send(stack: TestStack) -> None:
    assert [(run.code, run.document) for run in smoked(stack, 2) if run.code] == []


@pytest.mark.soak
def test_smoke_is_right_ten_times_in_a_row_at_50_traces_a_second(stack: TestStack) -> None:
    assert [(run.code, run.document) for run in smoked(stack, 10) if run.code] == []


@pytest.mark.soak
def test_no_acknowledged_trace_is_lost_whatever_is_killed(stack: TestStack, since: datetime) -> None:
    """10,000 at 50 a second while each service is killed in turn."""
    services = ["langfuse-web", "langfuse-worker", "clickhouse", "redis", "minio", "relay", "gateway"]
    there = [service for service in services if stack.container(service) in stack.names("container")]
    with Load.of(stack, 10_000) as load:
        for service in there:
            time.sleep(10)
            kill(stack, service)
            assert load.runs, f"the load ended before {service} was back"
    assert len(load.acknowledged) == load.count, load.refusals
    deadline = time.monotonic() + 300
    while jobs_on_the_way(stack) and time.monotonic() < deadline:
        time.sleep(2)
    all_stored(stack, load, seconds=10)
    before, lost = stored(stack, load), replayed(stack, since)
    whole = all_stored(stack, load, seconds=300)
    after = {table: stored(stack, load, table) for table in ("traces", "observations")}
    log.warning("sent %s in %s attempts, refused %s", load.count, load.attempts, load.refusals)
    log.warning("stored %s; raw events replayed %s; then stored %s", before, lost, after)
    assert whole
    assert set(after.values()) == {Stored(load.count, load.count)}
