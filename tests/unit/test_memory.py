"""Memory limits: one table, fitted to the machine, and each can be set."""

import pytest

from settings import SettingsError, load
from settings.memory import NEEDS, fitted, redis_maxmemory_mb
from tests.unit.recorder import recorded

LARGE_MB, SMALL_MB = 65_536, 4096


def test_a_large_machine_gives_every_service_ample_memory() -> None:
    assert fitted(LARGE_MB, {}) == {kind: need.ample for kind, need in NEEDS.items()}


def test_a_small_machine_gives_every_service_what_it_needs_at_least() -> None:
    assert fitted(SMALL_MB, {}) == {kind: need.least for kind, need in NEEDS.items()}


@pytest.mark.parametrize("machine", [8192, 16_384, 24_576])
def test_limits_grow_with_the_machine_and_stay_within_it_above_the_least(machine: int) -> None:
    limits, smaller = fitted(machine, {}), fitted(machine - 2048, {})
    assert all(NEEDS[kind].least <= limits[kind] <= NEEDS[kind].ample for kind in NEEDS)
    assert all(limits[kind] >= smaller[kind] for kind in NEEDS)
    assert sum(limits.values()) <= max(machine, sum(need.least for need in NEEDS.values()) * 1.5)


def test_a_limit_that_was_set_is_taken_and_leaves_the_rest_to_the_others() -> None:
    limits = fitted(24_576, {"clickhouse": 12_288})
    assert limits["clickhouse"] == 12_288
    assert limits["minio"] < fitted(24_576, {})["minio"]


def test_a_limit_of_no_service_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="nothing is no service that has a limit"):
        load({"langfuse-stack:memoryMb": '{"nothing": 512}'})


def test_every_container_has_its_limit_and_no_swap_beside_it() -> None:
    stack = recorded({"langfuse-stack:memoryMb": '{"clickhouse": 3000, "cache": 300}', "clickhouse:replicas": "2"})
    found = {entry.name: entry.inputs for entry in stack.of_type("docker:index/container:Container")}
    assert {name: inputs["memory"] == inputs["memorySwap"] > 0 for name, inputs in found.items()} == dict.fromkeys(
        found, True
    )
    assert {found[name]["memory"] for name in ("clickhouse", "clickhouse-2")} == {3000}
    assert found["cache"]["memory"] == 300


def test_the_queue_evicts_nothing_and_the_cache_keeps_nothing_on_disk_each_within_its_limit() -> None:
    stack = recorded({"langfuse-stack:memoryMb": '{"redis": 1000, "cache": 300}'})
    queue, cache = (stack.one(name).inputs["uploads"][0]["content"] for name in ("redis", "cache"))
    texts = [str(entry["value"] if isinstance(entry, dict) else entry) for entry in (queue, cache)]
    assert "maxmemory 600mb" in texts[0]
    assert "maxmemory-policy noeviction" in texts[0]
    assert "appendonly yes" in texts[0]
    assert f"maxmemory {redis_maxmemory_mb(300)}mb" in texts[1]
    assert "maxmemory-policy allkeys-lru" in texts[1]
    assert "appendonly no" in texts[1]
    assert not stack.one("cache").inputs.get("volumes")
    assert not stack.one("cache").inputs.get("ports")
