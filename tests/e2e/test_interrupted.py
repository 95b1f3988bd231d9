"""Runs that are killed are finished by running again, with exactly one of everything."""

import os
import signal

import pytest

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


def kill_when(stack: TestStack, line: str) -> None:
    """SIGKILL the whole run, engine and plugins included, as soon as it prints `line`."""
    with stack.started("up") as process:
        assert process.stdout
        seen = []
        for text in process.stdout:
            seen.append(text)
            if line in text:
                break
        else:
            pytest.fail(f"never saw {line!r}:\n{''.join(seen)}")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


@pytest.mark.soak
def test_a_run_killed_at_any_point_is_finished_by_the_next(fresh: TestStack) -> None:
    for line in KILL_AT:
        kill_when(fresh, line)
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
    with fresh.started("up") as process:
        assert process.stdout
        for text in process.stdout:
            if "docker:index:Container clickhouse creating" in text:
                os.killpg(process.pid, signal.SIGINT)
                break
        process.communicate(timeout=120)
    assert process.returncode != 0
    run = fresh.ops("up")
    assert run.code == 0, run.output
    assert "recovered" not in run.output
