"""Backups of a whole stack, by the commands that an operator types."""

import pytest

from tests.e2e.stack import Run, TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]


def done(run: Run) -> Run:
    assert run.code == 0, run.output
    return run


def test_a_stack_is_backed_up_rehearsed_and_restored_beside_itself(stack: TestStack) -> None:
    containers, volumes = stack.names("container"), stack.names("volume")
    done(stack.ops("smoke"))
    made = done(stack.ops("backup", "--json")).json
    assert made["kind"] == "full"
    assert made["clickhouse"]["ledger"] > 0
    assert made["postgres"]["ledger"] > 0
    assert {bucket["name"]: bucket["objects"] > 0 for bucket in made["buckets"]}["langfuse-events"]
    assert done(stack.ops("backup", "--verify", "--read-data", "--json")).json["intact"]
    second = done(stack.ops("backup", "--incremental", "--json")).json
    assert second["base"] == made["id"]
    rehearsed = done(stack.ops("rehearse", "--json")).json
    assert (rehearsed["ok"], rehearsed["backup"], rehearsed["findings"]) == (True, second["id"], [])
    restored = done(stack.ops("restore", "--into", "seen_again", "--json")).json
    assert restored["same"]
    refused = stack.ops("restore", "--into", "seen_again")
    assert refused.code == 1
    assert "nothing was touched" in refused.output
    assert (stack.names("container"), stack.names("volume")) == (containers, volumes)
    recorded = [entry["action"] for entry in done(stack.ops("evidence", "--json")).json["entries"]]
    assert recorded[-5:] == ["backup", "backup", "rehearse", "restore", "refused"]
    done(stack.ops("smoke"))
