"""Capacity and retention of a whole stack, by the commands that an operator types."""

import pytest

from checks.trace import Gateway, new_user_id
from tests.e2e.stack import TestStack
from tests.standin.docker_cli import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1200)]

SERVICES = {
    *("cache", "clickhouse", "gateway", "langfuse-web", "langfuse-worker", "minio", "postgres", "redis", "relay")
}
OF_THE_MACHINE = {"disk-used", "disk-forecast", "memory"}
"""Findings that the machine may have, whatever the stack does."""
QUEUE = "otel-ingestion-queue"


def test_capacity_is_measured_of_every_part_and_jobs_that_wait_are_counted(stack: TestStack) -> None:
    assert stack.ops("smoke").code == 0
    run = stack.ops("status", "--capacity", "--json")
    found = run.json
    findings = {finding["id"] for finding in found["findings"]}
    assert found["unseen"] == []
    assert findings <= OF_THE_MACHINE
    assert run.code == bool(findings)
    assert found["events"]["stored"] > 0
    assert found["events"]["per_second_5_minutes"] > 0
    assert {memory["of"] for memory in found["memory"]} > SERVICES
    assert [disk["store"] for disk in found["disks"]] == ["clickhouse", "minio"]
    assert all("not enough history" in disk["growth"]["basis"] for disk in found["disks"])
    assert "traces" in {parts["table"] for parts in found["parts"]}
    assert waiting(stack) == 0
    outputs = stack.outputs()
    assert stack.ops("stop", "langfuse-worker").code == 0
    try:
        Gateway(outputs["gateway_url"], outputs["gateway_master_key"]).call_smoke(new_user_id())
        assert eventually(lambda: waiting(stack), seconds=30) >= 1
    finally:
        assert stack.ops("start", "langfuse-worker").code == 0
    assert eventually(lambda: waiting(stack), accept=lambda jobs: jobs == 0) == 0


def waiting(stack: TestStack) -> int:
    queues = {queue["name"]: queue for queue in stack.ops("status", "--capacity", "--json").json["queues"]}
    return int(queues[QUEUE]["waiting"])


def test_a_retention_is_counted_and_refused_and_takes_nothing(stack: TestStack) -> None:
    assert stack.ops("smoke").code == 0
    before = stack.ops("status", "--capacity", "--json").json["events"]["stored"]
    found = stack.ops("retention", "--days", "1", "--json")
    assert found.code == 0, found.output
    assert (found.json["rows"], found.json["applied"]) == (0, False)
    assert {table["name"] for table in found.json["tables"]} >= {"traces", "observations", "scores"}
    assert any(prefix["prefix"].startswith("otel/") for prefix in found.json["prefixes"])
    refused = stack.ops("retention", "--days", "1", "--apply")
    assert refused.code == 1
    assert "nothing was changed" in refused.output
    last = stack.ops("evidence", "--json").json["entries"][-1]
    assert (last["action"], last["result"]) == ("refused", "failed")
    assert stack.ops("status", "--capacity", "--json").json["events"]["stored"] >= before
