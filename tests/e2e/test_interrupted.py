"""Runs that are killed are finished by running again, with exactly one of everything."""

import os
import signal
import time

import pytest

from tests.e2e.engine_events import EngineEvents
from tests.e2e.stack import REGISTERED, TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

KILL_AT = [
    "docker:index:Network network creating",
    "docker:index:Container clickhouse creating",
    "checks:LangfuseSchema langfuse-schema created",
    "docker:index:Container langfuse-web creating",
    "checks:LangfuseWeb langfuse-web-gate created",
]
VOLUMES = ["clickhouse", "minio", "postgres", "redis", "relay"]
SERVICES = [
    *("cache", "clickhouse", "gateway", "langfuse-web", "langfuse-worker", "minio", "postgres", "redis"),
    *("relay", "relay-proxy"),
]


def strike_when(stack: TestStack, line: str, number: signal.Signals) -> int:
    """Send the whole run, engine and plugins included, a signal as soon as its engine is there; its exit code."""
    events = EngineEvents(stack)
    with stack.started("up") as process:
        while process.poll() is None and not any(line in said for said in events.fresh()):
            time.sleep(0.02)
        assert process.poll() is None, f"never saw {line!r}"
        os.killpg(process.pid, number)
        process.communicate(timeout=120)
    return process.returncode


@pytest.mark.soak
def test_a_run_killed_at_any_point_is_finished_by_the_next(fresh: TestStack) -> None:
    for line in KILL_AT:
        strike_when(fresh, line, signal.SIGKILL)
    run = fresh.ops("up")
    assert run.code == 0, run.output
    prefix = fresh.instance.replace("-", "_")
    assert fresh.names("volume") == [f"{prefix}_{part}_data" for part in VOLUMES]
    assert fresh.names("container") == [f"{fresh.instance}-{service}" for service in SERVICES]
    assert fresh.names("network") == [fresh.instance]
    again = fresh.ops("up")
    assert f"{REGISTERED} unchanged" in again.output, again.output


@pytest.mark.soak
def test_an_interrupt_stops_cleanly_and_says_how_to_go_on(fresh: TestStack) -> None:
    assert strike_when(fresh, "docker:index:Container clickhouse creating", signal.SIGINT) != 0
    run = fresh.ops("up")
    assert run.code == 0, run.output
    assert "recovered" not in run.output
