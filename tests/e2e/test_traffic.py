"""Traces under traffic: smoke stays right, a killed service loses none, and what ClickHouse lost comes back."""

import json
import logging
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import pytest

from checks import relay
from checks.trace import Gateway
from tests.e2e.caller import Caller
from tests.e2e.load import LONG, Count, Load, Stored, all_stored, counted, query, stored
from tests.e2e.patch import other_images
from tests.e2e.stack import Answer, TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
SETTLED_SECONDS, QUIET_LOOKS = 300, 3
WORKER, SERVICES = (
    "langfuse-worker",
    ("langfuse-web", "langfuse-worker", "clickhouse", "redis", "minio", "relay", "gateway"),
)
GATEWAY_LOSES = 10
"""Calls, at most, that a gateway answered in the second before it was killed, one after the other."""
USERS = "SELECT DISTINCT user_id FROM traces WHERE startsWith(user_id, {prefix:String})"
log = logging.getLogger(__name__)


def called(stack: TestStack) -> Caller:
    """Keeps calling the stack's gateway."""
    outputs = stack.outputs()
    return Caller(lambda: Gateway(outputs["gateway_url"], outputs["gateway_env"]["OPENAI_API_KEY"]))


def kill(stack: TestStack, service: str, *, away: float = 3) -> str:
    """SIGKILL a service, and let it come back after a while; what is said of it."""
    stack.docker("kill", "--signal", "KILL", stack.container(service))
    time.sleep(away)
    back = stack.ops("start", service)
    assert back.code == 0, back.output
    return back.output


def replayed(stack: TestStack, since: datetime) -> int:
    """Bring back what lacks rows since then; how many raw events did."""
    window = ("--from", since.isoformat(), "--to", datetime.now(UTC).isoformat())
    run = stack.script("replay", *window, "--apply")
    assert run.code == 0, run.said
    return int(run.document["raw_events"])


def on_the_way(stack: TestStack) -> int:
    """What the relay holds, in bytes, and the jobs of the worker."""
    run = stack.script("replay", "--from", "1m", "--to", datetime.now(UTC).isoformat())
    assert run.code == 0, run.said
    port = stack.config["relay:metricsPort"]
    return relay.queue(f"http://127.0.0.1:{port}/metrics").waiting + int(run.document["jobs_on_the_way"])


@pytest.fixture
def since(stack: TestStack) -> datetime:
    assert stack
    return datetime.now(UTC) - timedelta(seconds=1)


@dataclass(frozen=True)
class Report:
    """What became of all that was sent to the relay, and of all that the gateway answered."""

    phases: dict[str, dict[str, Count]]
    """Table to phase to counts."""
    sent_in: int
    """Attempts that sending took."""
    refused: dict[str, int]
    replayed: int
    """Raw events whose rows were lost with a worker that was killed."""
    calls: int
    """That the gateway answered."""
    calls_lost: int


def until_quiet(stack: TestStack) -> None:
    """Wait until nothing is on its way, and what the worker holds is written: it writes once a second.

    What was sent twice is the last to come: long after the first of both could be read.
    """
    deadline, quiet = time.monotonic() + SETTLED_SECONDS, 0
    while quiet < QUIET_LOOKS and time.monotonic() < deadline:
        time.sleep(2)
        quiet = 0 if on_the_way(stack) else quiet + 1
    assert quiet == QUIET_LOOKS, f"something is on its way after {SETTLED_SECONDS} s"


def settled(stack: TestStack, load: Load, calls: Caller, since: datetime, *, needs_replay: bool) -> Report:
    """Wait until nothing is on its way; what a worker that was killed had in memory is brought back from the bucket."""
    until_quiet(stack)
    lost = 0
    if not all_stored(stack, load, seconds=30) and needs_replay:
        lost = replayed(stack, since)
        all_stored(stack, load, seconds=SETTLED_SECONDS)
    counts = {table: counted(stack, load, table) for table in ("traces", "observations")}
    arrived = set(query(stack, USERS, prefix="smoke-").split())
    missing = len(set(calls.answered) - arrived)
    report = Report(counts, load.attempts, load.refusals, lost, len(calls.answered), missing)
    log.warning("%s", json.dumps(asdict(report), indent=1))
    return report


def assert_nothing_is_lost(report: Report, *, calls_lost: int = 0) -> None:
    for phases in report.phases.values():
        assert {name: (n.acknowledged, n.stored, n.twice) for name, n in phases.items()} == {
            name: (n.sent, n.sent, 0) for name, n in phases.items()
        }
    assert report.calls > 0
    assert report.calls_lost <= calls_lost


@pytest.mark.parametrize(
    "service",
    ["langfuse-worker", *(pytest.param(service, marks=pytest.mark.soak) for service in SERVICES if service != WORKER)],
)
def test_a_killed_service_loses_no_acknowledged_trace(stack: TestStack, since: datetime, service: str) -> None:
    with called(stack) as calls, Load.of(stack, 1000) as load:
        load.phase(f"{service} is killed")
        time.sleep(2)
        said = kill(stack, service)
    assert ("ops replay" in said) == (service == WORKER), said
    report = settled(stack, load, calls, since, needs_replay=service == WORKER)
    assert_nothing_is_lost(report, calls_lost=GATEWAY_LOSES if service == "gateway" else 0)


@pytest.mark.soak
def test_an_upgrade_down_and_up_lose_no_trace(fresh: TestStack) -> None:
    """At 10 a second, of which senders keep what is sent while nothing is up."""
    since, up = datetime.now(UTC), fresh.ops("up")
    assert up.code == 0, up.output
    with other_images(fresh), called(fresh) as calls, Load.of(fresh, LONG, rate=10) as load:
        for name, command in (("upgrade", "up"), ("down", "down"), ("up", "up")):
            load.phase(name)
            time.sleep(5)
            run = fresh.ops(command)
            assert run.code == 0, run.output
        load.phase("after it")
        time.sleep(5)
        load.end()
    assert_nothing_is_lost(settled(fresh, load, calls, since, needs_replay=False))


def test_rows_that_an_operator_deleted_are_all_back_and_none_twice(stack: TestStack, since: datetime) -> None:
    with Load.of(stack, 1000, rate=200) as load:
        pass
    assert all_stored(stack, load)
    until_quiet(stack)  # a request that was sent twice would write its rows again
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
    with called(stack) as calls, Load.of(stack, 10_000) as load:
        for service in SERVICES:
            load.phase(f"{service} is killed")
            time.sleep(10)
            kill(stack, service)
            assert load.runs, f"the load ended before {service} was back"
        load.phase("after it")
    report = settled(stack, load, calls, since, needs_replay=True)
    assert_nothing_is_lost(report, calls_lost=GATEWAY_LOSES)
