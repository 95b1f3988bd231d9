"""A Langfuse runs on the restored backup, what keeps it from working is found, and the live stack sees none of it."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from checks.clickhouse_login import Login, rows
from checks.s3 import S3
from ops.backup.store import connect
from ops.backup.throwaway import LABEL
from tests.e2e.stack import Run, TestStack, kill

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]

PROVEN = ["stores of its own", "langfuse-web", "langfuse-worker", "older traces", "new trace"]


@pytest.fixture(scope="module")
def backed_up(stack: TestStack) -> TestStack:
    """A stack with a trace in its newest backup."""
    for command in (("smoke",), ("backup",)):
        run = stack.ops(*command)
        assert run.code == 0, run.output
    return stack


def left(stack: TestStack) -> list[str]:
    """Containers and networks of rehearsals that are there, and volumes without a name that nobody uses."""
    label = ("--filter", f"label={LABEL}")
    containers = stack.docker("ps", "--all", *label, "--format", "{{.Names}}").split()
    networks = stack.docker("network", "ls", *label, "--format", "{{.Name}}").split()
    return sorted(name for name in [*containers, *networks] if name.startswith(stack.instance))


def dangling(stack: TestStack) -> set[str]:
    return set(stack.docker("volume", "ls", "--quiet", "--filter", "dangling=true").split())


@contextmanager
def starting(stack: TestStack, service: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A rehearsal under way, with the name of its throw-away service once that has just started."""
    label = ["--filter", "event=start", "--filter", f"label={LABEL}={stack.container(service)}"]
    watch = ["docker", "events", *label, "--format", "{{.Actor.Attributes.name}}"]
    with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as events:
        try:
            with stack.started("rehearse", "--json") as process:
                assert events.stdout
                yield process, events.stdout.readline().strip()
        finally:
            events.kill()


def struck(stack: TestStack, service: str, strike: Callable[[str], object]) -> Any:
    """What a rehearsal says whose throw-away service something happens to."""
    with starting(stack, service) as (process, name):
        strike(name)
        output, _ = process.communicate(timeout=300)
    run = Run(process.returncode, output)
    assert run.code == 1, run.output
    assert left(stack) == []
    return run.json


def copies(stack: TestStack, service: str) -> str:
    """The throw-away container that is like a service."""
    label = f"label={LABEL}={stack.container(service)}"
    return stack.docker("ps", "--filter", label, "--format", "{{.Names}}")


def held(stack: TestStack) -> dict[str, Any]:
    """What the live stores hold: traces, objects of every version, and keys of the queue."""
    exported = stack.shell("pulumi", "stack", "export", "--show-secrets", "--stack", "test").json
    outputs = {
        entry["urn"].rpartition("::")[2]: entry.get("outputs", {}) for entry in exported["deployment"]["resources"]
    }
    gate, key = outputs["clickhouse-gate"], outputs["minio-app-key"]
    login = Login(gate["http_address"], gate["user"], plain(gate["password"]), gate["database"])
    client = login.connect()
    try:
        traces = rows(client, "SELECT id FROM {database:Identifier}.traces ORDER BY id", database=login.database)
    finally:
        client.close()
    store = connect(S3(key["endpoint"], key["root_user"], plain(key["root_password"])))
    objects = [
        (bucket, entry.object_name, entry.version_id)
        for bucket in key["buckets"]
        for entry in store.list_objects(bucket, recursive=True, include_version=True)
    ]
    keys = stack.docker("exec", stack.container("redis"), "redis-cli", "--scan", "--pattern", "*otel*").split()
    return {"traces": traces, "objects": sorted(objects), "keys": sorted(keys)}


def plain(value: Any) -> str:
    """A secret of an export that shows them."""
    import json

    return str(json.loads(value["plaintext"]) if isinstance(value, dict) else value)


def test_older_traces_are_read_and_a_new_one_is_taken_and_the_live_stores_see_none_of_it(
    backed_up: TestStack,
) -> None:
    before, volumes = held(backed_up), dangling(backed_up)
    run = backed_up.ops("rehearse", "--json")
    assert run.code == 0, run.output
    seen = {step["step"]: step["seen"] for step in run.json["steps"]}
    assert list(seen)[-5:] == PROVEN
    assert "nothing to migrate" in seen["langfuse-web"]
    assert "read through the API" in seen["older traces"]
    assert "read back by the API, 4 hops" in seen["new trace"]
    assert len(run.json["removed"]) == 7
    assert held(backed_up) == before
    assert before["traces"]
    assert before["objects"]
    assert left(backed_up) == []
    assert dangling(backed_up) == volumes


def test_a_worker_that_ends_is_a_finding_that_names_the_hop_a_trace_does_not_pass(backed_up: TestStack) -> None:
    told = struck(backed_up, "langfuse-worker", lambda name: backed_up.docker("kill", name))
    assert not told["ok"]
    assert told["findings"][-1].startswith("new trace: broken at taken by the worker: ")
    assert "is langfuse-worker running" in told["findings"][-1]
    steps = {step["step"]: step["seen"] for step in told["steps"]}
    assert steps["new trace"] == "not proven"
    assert "read through the API" in steps["older traces"]


def test_a_web_that_ends_is_a_finding_with_the_way_it_ended_and_its_log_is_kept(backed_up: TestStack) -> None:
    told = struck(backed_up, "langfuse-web", lambda name: backed_up.docker("kill", name))
    [finding] = told["findings"]
    assert finding.startswith("langfuse-web: docker inspect ")
    assert "exit code 137" in finding
    assert "its log is kept in " in finding
    assert told["steps"][-1]["step"] == "langfuse-web"


def test_a_backup_without_the_project_is_a_finding_although_langfuse_makes_it_anew(backed_up: TestStack) -> None:
    def forget(_: str) -> None:
        take = "DELETE FROM langfuse.projects"
        backed_up.docker("exec", copies(backed_up, "postgres"), "psql", "--username=postgres", f"--command={take}")

    told = struck(backed_up, "redis", forget)
    [finding] = told["findings"]
    assert "the backup has no project" in finding


def test_what_a_killed_and_an_interrupted_rehearsal_made_is_removed(backed_up: TestStack) -> None:
    with starting(backed_up, "langfuse-web") as (process, _):
        kill(process)
    assert len(left(backed_up)) == 6
    with starting(backed_up, "langfuse-web") as (process, _):
        assert len(left(backed_up)) == 6
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode
    assert left(backed_up) == []
