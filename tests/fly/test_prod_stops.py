"""Runs of stack `prod` that cannot go on: each is finished by running again, and nothing later was started."""

import json
from collections.abc import Iterator

import pytest

from tests.fly.fake.containers import docker
from tests.fly.rehearsal import APPS, Rehearsal, rehearsal

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]

DATA_APPS = sorted(APPS[:2])
FAULTS = [("crash", "volumes create"), ("lost", "deploy")]


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """Its Redis evicts: somebody's cache."""
    with rehearsal(tmp_path_factory.mktemp("stops")) as made:
        password = made.vault["REDIS_URL"].partition("@")[0].rpartition(":")[2]
        docker(
            *("exec", "-e", "REDISCLI_AUTH", f"{made.prefix}-cache", "redis-cli", "CONFIG", "SET"),
            *("maxmemory-policy", "allkeys-lru"),
            env={"REDISCLI_AUTH": password},
        )
        yield made


def test_a_vault_that_others_may_read_stops_before_anything_changes_at_fly(prod: Rehearsal) -> None:
    prod.vault_file.chmod(0o640)
    try:
        run = prod.ops("up")
    finally:
        prod.vault_file.chmod(0o600)
    assert run.code != 0
    assert "chmod 600" in run.output
    assert not any(call["writes"] for call in prod.calls())


def test_a_killed_call_of_fly_is_taken_up_by_the_next_run_and_a_closed_gate_stops_the_rest(prod: Rehearsal) -> None:
    for already, (kind, verb) in enumerate(FAULTS):
        faults = [{"kind": kind, "verb": verb, "times": already + 1}]
        run = prod.ops("up", FAKE_FLY_FAULTS=json.dumps(faults))
        assert run.code != 0, f"{kind} of {verb} must not look like success"
    run = prod.ops("up")
    assert run.code != 0
    assert "maxmemory-policy" in run.output
    assert "run the same command again" in run.output
    assert prod.inventory() == {
        "apps": DATA_APPS,
        "machines": DATA_APPS,
        "volumes": [
            "hotdash-langfuse-clickhouse/langfuse_clickhouse_data",
            "hotdash-langfuse-minio/langfuse_minio_data",
        ],
    }
    assert prod.foreign("SELECT count(*) FROM pg_tables WHERE schemaname = 'langfuse'") == "0", "web was not started"
