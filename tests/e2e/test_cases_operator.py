"""What happens at an operator's machine: containers taken away, fresh shells, interrupts, failures that are read."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.engine_events import EngineEvents
from tests.e2e.stack import ROOT, TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_a_container_that_was_removed_is_named_as_missing_and_made_again(stack: TestStack) -> None:
    removed = ["langfuse-web", "redis"]
    kept = {name: stack.docker("inspect", "--format", "{{.Id}}", name) for name in stack.names("container")}
    for service in removed:
        stack.docker("rm", "--force", stack.container(service))
    status = stack.ops("status")
    assert status.code == 1
    assert "MISSING  langfuse-web, redis: `make up STACK=test` makes them again" in status.output
    services = {entry["service"]: entry["state"] for entry in stack.ops("status", "--json").json["services"]}
    assert [service for service, state in services.items() if state == "missing"] == removed
    findings = stack.ops("doctor")
    assert findings.code == 1
    assert "langfuse-web is absent" in findings.output

    up = stack.ops("up")
    assert up.code == 0, up.output
    assert all(stack.container(service) in up.output.partition("made again below:")[2] for service in removed)
    assert stack.ops("status").code == 0
    there = {name: stack.docker("inspect", "--format", "{{.Id}}", name) for name in stack.names("container")}
    assert there.keys() == kept.keys()
    untouched = set(kept) - {stack.container(service) for service in removed}
    assert {stack.container(service) for service in ("clickhouse", "minio", "postgres")} <= untouched
    assert all(there[stack.container(store)] == kept[stack.container(store)] for store in ("clickhouse", "postgres"))
    again = stack.ops("up")
    assert "0 changes" in again.output, again.output


def test_the_command_works_from_a_shell_that_knows_nothing_of_the_project(stack: TestStack) -> None:
    base = Path(sys.base_prefix) / "bin" / "python3"
    fresh = {name: value for name, value in stack.environment.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    argv = [str(base), "-m", "ops", "status"]
    ran = subprocess.run(argv, cwd=ROOT, env=fresh, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "langfuse-web" in ran.stdout


@pytest.fixture
def changed(stack: TestStack) -> Iterator[TestStack]:
    """A stack with a change that replaces the gateway; put back afterwards."""
    before = dict(stack.config)
    try:
        yield stack
    finally:
        stack.config.clear()
        stack.config.update(before)
        stack.configure()
        undone = stack.ops("up")
        assert undone.code == 0, undone.output


def test_an_interrupt_ends_every_command_that_runs_the_engine_with_130(changed: TestStack) -> None:
    changed.configure(langfuse__logLevel="debug", gateway__cacheTtlSeconds=60)
    for command in ("preview", "up", "down"):
        events = EngineEvents(changed)
        with changed.started(command) as process:
            assert process.stdout
            if command == "preview":
                seen = process.stdout.readline()
            else:
                while process.poll() is None and not (seen := "\n".join(events.fresh())):
                    time.sleep(0.02)
            os.killpg(process.pid, signal.SIGINT)
            rest, _ = process.communicate(timeout=300)
        assert process.returncode == 130, seen + rest
        assert rest.rstrip().splitlines()[-1] == "error: interrupted; the same command finishes what was begun"


def test_a_failure_ends_with_its_cause_and_a_command_that_can_be_pasted(changed: TestStack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        changed.configure(gateway__port=port)
        refused = changed.ops("up")
    assert refused.code == 1
    assert f"port {port} is in use" in "\n".join(refused.output.rstrip().splitlines()[-3:])

    changed.configure(gateway__port=changed.config["langfuse:workerPort"])
    broken = changed.ops("up")
    assert broken.code == 1
    assert "exit code" not in broken.output.rstrip().splitlines()[-1]
