"""Servers do not go back: what each kind of store refuses to open is refused before its container is touched."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.servers import SERVERS, refusal
from tests.unit.recorder import recorded

CLICKHOUSE, MINIO, REDIS, POSTGRES = SERVERS
OLD, NEW = "sha256:" + "0" * 64, "sha256:" + "1" * 64


def proven(version: object, *, said: bool = True, image: str | None = OLD) -> dict[str, Any]:
    """A gate in the state: what the server `said`, or what its image was said to be."""
    server = {"server": {"image": image, "version": str(version)}} if image else {}
    return {"inputs": server, "outputs": {**server, "evidence": {"version": version} if said else {}}}


def planned(version: str, image: str = NEW) -> dict[str, Any]:
    return {"inputs": {"server": {"image": image, "version": version}}}


@pytest.mark.parametrize(
    ("kind", "before", "after", "words"),
    [
        (CLICKHOUSE, "25.12.1.649", "25.8.2.29", "ClickHouse 25.8.2.29 is older than 25.12.1.649"),
        (CLICKHOUSE, "25.12.1.649", "25.12.1.648", "is older than"),
        (CLICKHOUSE, "25.10.1", "25.9", "is older than"),
        (CLICKHOUSE, "24.8.14.10501.altinitystable", "24.8.13.1.altinitystable", "is older than"),
        (REDIS, "7.4.1", "7.2.11", "Redis 7.2.11 is older than 7.4.1"),
        (REDIS, "8.0.0", "7.4.9-alpine", "is older than"),
        (MINIO, "2026-02-12T20-18-48Z", "2025-10-15T17-29-55Z", "MinIO 2025-10-15T17-29-55Z is older than"),
        (MINIO, "RELEASE.2026-02-12T20-18-48Z", "RELEASE.2026-02-12T20-18-47Z", "is older than"),
        (POSTGRES, 15, "14.20", "Postgres 14.20 cannot open what Postgres 15 wrote"),
        (POSTGRES, 15, "16.3", "Postgres 16.3 cannot open what Postgres 15 wrote"),
        (CLICKHOUSE, "25.12.1.649", "unknown", "which version the new image is cannot be told"),
        (POSTGRES, 15, "latest", "which version the new image is cannot be told"),
    ],
)
def test_a_server_that_cannot_open_the_data_is_refused(kind: str, before: object, after: str, words: str) -> None:
    found = refusal(kind, proven(before, said=kind != MINIO), planned(after))
    assert found
    why, fix = found
    assert words in why
    assert SERVERS[kind].setting in fix


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (CLICKHOUSE, "25.8.2.29", "25.12.1.649"),
        (CLICKHOUSE, "25.12.1.649", "25.12"),
        (CLICKHOUSE, "25.9.1", "25.10"),
        (REDIS, "7.2.11", "7.2.11"),
        (MINIO, "2025-10-15T17-29-55Z", "2026-02-12T20-18-48Z"),
        (POSTGRES, 15, "15.2"),
        (POSTGRES, 15, "15.15"),
        ("pulumi-python:dynamic/checks:Gateway", "2.0", "1.0"),
    ],
)
def test_a_newer_server_and_another_patch_of_postgres_pass(kind: str, before: object, after: str) -> None:
    assert refusal(kind, proven(before), planned(after)) is None


def test_the_same_image_is_no_question_whatever_it_calls_itself() -> None:
    assert refusal(CLICKHOUSE, proven("25.12.1"), planned("unknown", OLD)) is None


def test_what_counts_is_the_image_that_was_proven_and_not_one_that_was_only_declared() -> None:
    old = proven("25.12.1")
    old["inputs"] = planned("25.8.1")["inputs"]
    assert refusal(CLICKHOUSE, old, planned("25.8.1"))


def test_a_state_of_before_images_were_recorded_is_judged_by_what_its_servers_said() -> None:
    assert refusal(CLICKHOUSE, proven("25.12.1", image=None), planned("25.8.1"))
    assert refusal(CLICKHOUSE, proven("25.12.1", image=None), planned("unknown")) is None
    assert refusal(MINIO, {"inputs": {}, "outputs": {"evidence": {}}}, planned("2020-01-01T00-00-00Z")) is None


def test_a_store_that_was_never_proven_or_is_somebody_elses_is_not_compared() -> None:
    assert refusal(CLICKHOUSE, {"inputs": {}, "outputs": {}}, planned("1.0")) is None
    assert refusal(REDIS, proven("7.2.11"), {"inputs": {}}) is None


def test_every_store_that_the_stack_runs_says_which_server_it_is() -> None:
    program = recorded({})
    for kind in SERVERS:
        [gate] = program.of_type(kind)
        assert gate.inputs["server"].keys() == {"image", "version"}, gate.name


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_of_two_versions_at_most_one_is_older(one: list[int], other: list[int]) -> None:
    first, second = (".".join(map(str, version)) for version in (one, other))
    refused = [bool(refusal(REDIS, proven(a), planned(b))) for a, b in ((first, second), (second, first))]
    common = min(len(one), len(other))
    assert sum(refused) == (one[:common] != other[:common])
