"""A store that suddenly is another or an empty one is refused by its gate, and nothing is written into it."""

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from checks.bucket import IDENTITY, BucketProvider, ObjectStoreProvider
from checks.clickhouse import ClickHouseProvider
from checks.redis import IDENTITY_KEY, RedisProvider, client
from checks.supabase import SchemaProvider, SupabaseProvider
from tests.checks.containers import Container, blueprint, docker, gate_inputs, images, run
from tests.checks.gates import Finding, green, proven_after, refused_after
from tests.checks.object_store import Store
from tests.checks.postgres_database import Database
from tests.checks.test_clickhouse import inputs_for

pytestmark = pytest.mark.docker

LOST, OTHER = "was present, now missing", "the volume holds another server's data"
GATE = "continuity gate"


def attack(name: str, message: str) -> pytest.MarkDecorator:
    return pytest.mark.attack(name, layer=GATE, message=message, alone=True)


@pytest.fixture
def ready(store: Store) -> Store:
    return store.made()


def assert_tells_what_to_do(found: Finding) -> None:
    assert "bring back the volume" in found.fix
    assert "docs/data-safety.md" in found.fix


@attack("a ClickHouse volume swapped for another server's", OTHER)
def test_another_clickhouse_is_refused(clickhouse: Container, clickhouse_in_istanbul: Container) -> None:
    evidence = green(ClickHouseProvider, inputs_for(clickhouse))
    proven_after(ClickHouseProvider, inputs_for(clickhouse), evidence)
    found = refused_after(ClickHouseProvider, inputs_for(clickhouse_in_istanbul), evidence)
    assert found.probe == "identity of ClickHouse"
    assert found.seen.startswith(f"{OTHER}: was {evidence['identity']['ClickHouse']}, now ")
    assert_tells_what_to_do(found)


@pytest.fixture
def own_clickhouse() -> Iterator[Container]:
    container = run(blueprint("clickhouse"), images(frozenset({"clickhouse"}))["clickhouse"])
    yield container
    container.remove()


def test_a_clickhouse_emptied_but_for_its_uuid_is_the_same_server(own_clickhouse: Container) -> None:
    """What a sanctioned reset leaves: the identity stays, so that no way around the gate is needed."""
    patient = {"deadline_seconds": 60}
    evidence = green(ClickHouseProvider, inputs_for(own_clickhouse), **patient)
    docker(
        "exec", own_clickhouse.name, "find", "/var/lib/clickhouse", "-mindepth", "1", "-not", "-name", "uuid", "-delete"
    )
    docker("restart", own_clickhouse.name)
    [bound] = docker("port", own_clickhouse.name, "8123").split()
    [native] = docker("port", own_clickhouse.name, "9000").split()
    again = replace(own_clickhouse, published={8123: bound, 9000: native})
    proven_after(ClickHouseProvider, {**inputs_for(again), **patient}, evidence)


@pytest.fixture
def queue(redis: Container) -> dict[str, Any]:
    return {**gate_inputs("redis-gate"), "address": redis.published[6379], "deadline_seconds": 2}


@attack("a Redis volume that is gone", LOST)
def test_a_redis_that_lost_its_queue_is_refused_and_stays_unmarked(queue: dict[str, Any]) -> None:
    evidence = green(RedisProvider, queue)
    proven_after(RedisProvider, queue, evidence)
    with client(queue["address"], queue["password"]) as server:
        server.flushall()
        found = refused_after(RedisProvider, queue, evidence)
        assert server.keys() == []
    assert found.seen == f"{LOST}: {evidence['identity']['Redis']}"
    assert_tells_what_to_do(found)


@attack("a Redis volume swapped for another server's", OTHER)
def test_another_redis_is_refused(queue: dict[str, Any]) -> None:
    evidence = green(RedisProvider, queue)
    with client(queue["address"], queue["password"]) as server:
        server.set(IDENTITY_KEY, "another")
        found = refused_after(RedisProvider, queue, evidence)
        server.delete(IDENTITY_KEY)
    assert found.seen == f"{OTHER}: was {evidence['identity']['Redis']}, now another"


@attack("Langfuse's Postgres schema that is gone", LOST)
def test_a_lost_schema_is_refused_and_not_made_anew(database: Database) -> None:
    evidence = green(SchemaProvider, database.schema_inputs())
    assert green(SupabaseProvider, database.gate_inputs())["identity"] == evidence["identity"]
    proven_after(SchemaProvider, database.schema_inputs(), evidence)
    database.admin("DROP SCHEMA langfuse")
    for found in (
        refused_after(SchemaProvider, database.schema_inputs(), evidence),
        refused_after(SupabaseProvider, database.gate_inputs(), evidence),
    ):
        assert found.seen == f"{LOST}: {evidence['identity']['schema langfuse']}"
        assert_tells_what_to_do(found)
    assert database.admin("SELECT FROM pg_namespace WHERE nspname = 'langfuse'") == []


@attack("Langfuse's Postgres schema replaced by another of its name", OTHER)
def test_a_schema_that_was_made_anew_is_refused(database: Database) -> None:
    evidence = green(SchemaProvider, database.schema_inputs())
    database.admin("DROP SCHEMA langfuse")
    database.with_schema()
    assert refused_after(SupabaseProvider, database.gate_inputs(), evidence).seen.startswith(OTHER)


def test_a_schemas_own_comment_stays_in_front_of_the_mark(database: Database) -> None:
    database.admin("CREATE SCHEMA langfuse", "COMMENT ON SCHEMA langfuse IS 'ours since 2020'")
    database.admin("CREATE ROLE {role} LOGIN", "ALTER SCHEMA langfuse OWNER TO {role}")
    evidence = green(SchemaProvider, database.schema_inputs())
    proven_after(SchemaProvider, database.schema_inputs(), evidence)
    mark = evidence["identity"]["schema langfuse"]
    [(comment,)] = database.admin("SELECT obj_description('langfuse'::regnamespace)")
    assert comment.startswith(f"ours since 2020 langfuse-stack:{mark} owner:{database.schema_inputs()['owner']} keys:")


@attack("a bucket that is gone", LOST)
def test_a_lost_bucket_is_refused_and_not_made_anew(store: Store) -> None:
    evidence = green(BucketProvider, store.bucket_inputs())
    proven_after(BucketProvider, store.bucket_inputs(), evidence)
    name = store.buckets[0]
    _empty(store, name)
    store.root.remove_bucket(name)
    found = refused_after(BucketProvider, store.bucket_inputs(), evidence)
    assert found.seen == f"{LOST}: {evidence['identity'][name]}"
    assert_tells_what_to_do(found)
    assert not store.root.bucket_exists(name)


@attack("an object store that is empty", LOST)
def test_a_store_that_lost_its_objects_is_refused_and_stays_unmarked(ready: Store) -> None:
    evidence = green(ObjectStoreProvider, ready.gate_inputs())
    proven_after(ObjectStoreProvider, ready.gate_inputs(), evidence)
    name = ready.buckets[0]
    _empty(ready, name)
    assert refused_after(ObjectStoreProvider, ready.gate_inputs(), evidence).seen.startswith(LOST)
    assert list(ready.root.list_objects(name, recursive=True)) == []


@attack("an object store swapped for another", OTHER)
def test_another_store_is_refused(ready: Store) -> None:
    evidence = green(ObjectStoreProvider, ready.gate_inputs())
    mark = str(uuid4())
    ready.root.put_object(ready.buckets[1], IDENTITY, io.BytesIO(mark.encode()), len(mark))
    found = refused_after(ObjectStoreProvider, ready.gate_inputs(), evidence)
    assert found.seen == f"{OTHER}: was {evidence['identity'][ready.buckets[1]]}, now {mark}"


def test_a_bucket_that_was_added_is_marked_and_the_others_are_held_to_theirs(ready: Store) -> None:
    evidence = green(ObjectStoreProvider, ready.gate_inputs())
    first = {name: mark for name, mark in evidence["identity"].items() if name == ready.buckets[0]}
    outputs = ObjectStoreProvider().update("id", {"evidence": {"identity": first}}, ready.gate_inputs()).outs
    assert outputs
    assert outputs["evidence"]["identity"] == evidence["identity"]


def _empty(store: Store, bucket: str) -> None:
    for item in store.root.list_objects(bucket, recursive=True, include_version=True):
        store.root.remove_object(bucket, str(item.object_name), version_id=item.version_id)
