"""The Redis gate against real servers, right and broken."""

from typing import Any

import pytest

from checks.redis import RedisProvider, client
from tests.checks.containers import Container, gate_inputs, paused
from tests.checks.gates import green, red

pytestmark = pytest.mark.docker


@pytest.fixture
def inputs(redis: Container) -> dict[str, Any]:
    return inputs_for(redis)


def inputs_for(server: Container) -> dict[str, Any]:
    return {**gate_inputs("redis-gate"), "address": server.published[6379], "deadline_seconds": 2}


def test_a_server_configured_by_the_program_is_proven(inputs: dict[str, Any]) -> None:
    evidence = green(RedisProvider, inputs)
    assert (evidence["maxmemory_policy"], evidence["aof"]) == ("noeviction", True)


def test_another_password_is_named(inputs: dict[str, Any]) -> None:
    found = red(RedisProvider, inputs, password="canary-of-redis")
    assert (found.probe, found.seen) == (f"AUTH at {inputs['address']}", "WRONGPASS")
    assert "run `make up`" in found.fix


def test_a_server_that_takes_any_password_is_refused(redis_without_password: Container) -> None:
    found = red(RedisProvider, inputs_for(redis_without_password))
    assert (found.probe, found.seen) == ("PING without a password", "accepted")
    assert "requirepass" in found.fix


def test_a_server_that_hides_behind_protected_mode_is_told_to_get_a_password(
    redis_in_protected_mode: Container,
) -> None:
    found = red(RedisProvider, inputs_for(redis_in_protected_mode))
    assert "protected mode" in found.seen
    assert "requirepass" in found.fix


def test_a_policy_that_evicts_is_refused(inputs: dict[str, Any]) -> None:
    with client(inputs["address"], inputs["password"]) as server:
        server.config_set("maxmemory-policy", "allkeys-lru")
        try:
            found = red(RedisProvider, inputs)
        finally:
            server.config_set("maxmemory-policy", "noeviction")
    assert (found.probe, found.seen) == ("CONFIG GET maxmemory-policy", "allkeys-lru")
    assert "noeviction" in found.fix
    green(RedisProvider, inputs)


def test_a_server_below_the_floor_is_refused_with_the_setting(inputs: dict[str, Any]) -> None:
    found = red(RedisProvider, inputs, floor=[99.0, 1.0])
    assert found.probe == "INFO server"
    assert found.fix == "set redis:image to 99.1 or newer"


def test_nothing_listening_is_named(inputs: dict[str, Any]) -> None:
    found = red(RedisProvider, inputs, address="127.0.0.1:1")
    assert "Connection refused" in found.seen


def test_a_frozen_server_is_given_up_at_the_deadline(
    redis: Container, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checks.redis.TIMEOUT_SECONDS", 1)
    with paused(redis):
        found = red(RedisProvider, inputs)
    assert (found.probe, found.seen) == (f"INFO at {inputs['address']}", "TimeoutError: timed out")
    green(RedisProvider, inputs)
