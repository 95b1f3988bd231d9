"""The hops of a trace through real stores: object, queue, rows."""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest

from checks import bucket, trace
from checks import redis as redis_checks
from checks.base import CheckFailedError
from checks.clickhouse_login import Login
from checks.trace import Rows, clickhouse_rows, exported_object, new_user_id, stored_object, taken_jobs, trace_id_of
from tests.checks.clickhouse_session import Session, as_operator, session_with
from tests.checks.containers import Container, gate_inputs

if TYPE_CHECKING:
    from minio import Minio
    from redis import Redis

pytestmark = pytest.mark.docker

PROJECT = "project-1"
numbers = count()


@pytest.fixture
def queue(redis: Container) -> Iterator["Redis"]:
    with redis_checks.client(redis.published[6379], gate_inputs("redis-gate")["password"]) as queue:
        yield queue
        queue.flushall()


def waits(queue: "Redis", name: str, job: str, seconds: float) -> None:
    """A job that came so long ago, behind all that wait already, as BullMQ keeps it."""
    queue.lpush(f"bull:{name}:wait", job)
    queue.hset(f"bull:{name}:{job}", "timestamp", str(int((time.time() - seconds) * 1000)))


def test_a_queue_under_traffic_has_taken_the_traces_job_while_younger_ones_wait(queue: "Redis") -> None:
    for number in range(50):
        waits(queue, "otel-ingestion-queue", str(number), 1)
    waits(queue, "another-queue", "old", 1000)
    taken_jobs(queue, "bull", NOW - timedelta(seconds=30))


@pytest.mark.parametrize("name", ["otel-ingestion-queue", "otel-ingestion-queue-3", "secondary-ingestion-queue"])
def test_a_job_that_waits_since_the_trace_was_sent_is_not_taken(queue: "Redis", name: str) -> None:
    waits(queue, name, "1", 600)
    waits(queue, name, "2", 1)
    with pytest.raises(CheckFailedError) as found:
        taken_jobs(queue, "bull", datetime.now(UTC) - timedelta(seconds=601))
    assert found.value.seen.startswith(f"a job of {name} waits for 60")
    assert "langfuse-worker running" in found.value.fix


def test_a_queue_that_cannot_be_read_is_named(redis: Container) -> None:
    with (
        redis_checks.client(redis.published[6379], "canary-of-nobody") as stranger,
        pytest.raises(CheckFailedError) as found,
    ):
        taken_jobs(stranger, "bull", NOW)
    assert "invalid username-password" in found.value.seen
    assert "canary" not in str(found.value)


@pytest.fixture
def login(clickhouse: Container) -> Login:
    return as_operator(clickhouse)


@pytest.fixture
def tables(login: Login) -> Iterator[tuple[Login, Session]]:
    """A database with the tables of both releases, as far as a trace is followed in them."""
    with session_with(login) as session:
        name = f"traces_{next(numbers)}"
        session.run(f"CREATE DATABASE {name}")
        session.run(
            f"CREATE TABLE {name}.traces (project_id String, id String, timestamp DateTime64(3)) "
            "ENGINE = MergeTree ORDER BY id"
        )
        session.run(
            f"CREATE TABLE {name}.events_full (project_id String, trace_id String, start_time DateTime64(6), "
            "blob_storage_file_path String) ENGINE = MergeTree ORDER BY trace_id"
        )
        yield replace(login, database=name), session


def test_rows_of_the_trace_are_counted_in_its_project(tables: tuple[Login, Session]) -> None:
    login, session = tables
    projects, ids = ["p", "p", "p", "elsewhere"], ["mine", "mine", "another", "mine"]
    session.fill(login.database, "traces", project_id=projects, id=ids, timestamp=[NOW] * 4)
    assert clickhouse_rows(login, "traces", "p", "mine") == Rows(2, "")


def test_release_4_keeps_the_key_of_the_stored_request_beside_the_row(tables: tuple[Login, Session]) -> None:
    login, session = tables
    session.fill(
        login.database,
        "events_full",
        project_id=["p"],
        trace_id=["mine"],
        start_time=[NOW],
        blob_storage_file_path=["otel/p/1.json"],
    )
    assert clickhouse_rows(login, "events_full", "p", "mine") == Rows(1, "otel/p/1.json")


def test_no_row_yet_is_named_with_the_service_that_writes(tables: tuple[Login, Session]) -> None:
    login, _ = tables
    with pytest.raises(CheckFailedError) as found:
        clickhouse_rows(login, "traces", "p", "mine")
    assert (found.value.probe, found.value.seen) == (f"rows of the trace in {login.database}.traces", "0 rows")
    assert "langfuse-worker" in found.value.fix
    assert not found.value.final


def test_a_table_that_no_migration_made_is_named(login: Login) -> None:
    empty = replace(login, database="system")
    with pytest.raises(CheckFailedError, match="UNKNOWN_TABLE"):
        clickhouse_rows(empty, "traces", "p", "mine")


def test_a_changed_clickhouse_password_is_named(login: Login) -> None:
    other = Login(login.http_address, login.user, "canary-of-nobody", login.database)
    with pytest.raises(CheckFailedError, match="Code 516: authentication failed") as found:
        clickhouse_rows(other, "traces", "p", "mine")
    assert found.value.final
    assert "canary" not in str(found.value)


@pytest.fixture
def store(minio: Container) -> tuple["Minio", str]:
    """A store and an empty bucket in it."""
    given = gate_inputs("minio-app-key")
    store = bucket.client(minio.published[9000], given["root_user"], given["root_password"])
    name = f"events-{token_hex(4)}"
    store.make_bucket(name)
    return store, name


def put(store: "Minio", name: str, at: datetime, project: str, body: str) -> str:
    """Store an OTLP request the way web does, under the minute it came."""
    path = f"otel/{project}/{at:%Y/%m/%d/%H/%M}/{token_hex(16)}.json"
    store.put_object(name, path, io.BytesIO(body.encode()), len(body))
    return path


NOW = datetime.now(UTC)


def objects_read(store: "Minio", monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys of the objects that are read from here on."""
    read: list[str] = []
    original = store.get_object

    def get_object(name: str, key: str) -> Any:
        read.append(key)
        return original(name, key)

    monkeypatch.setattr(store, "get_object", get_object)
    return read


def test_one_object_is_read_however_many_there_are(store: tuple["Minio", str], monkeypatch: pytest.MonkeyPatch) -> None:
    client, name = store
    for _ in range(20):
        put(*store, NOW, PROJECT, trace_id_of(new_user_id()))
    mine = trace_id_of(new_user_id())
    request = put(*store, NOW, PROJECT, f'{{"traceId": "{mine}"}}')
    event = f"{PROJECT}/trace/{mine}/1.json"
    client.put_object(name, event, io.BytesIO(mine.encode()), len(mine))
    read = objects_read(client, monkeypatch)
    assert stored_object(*store, PROJECT, mine) == event
    assert stored_object(*store, PROJECT, mine, request) == request
    assert read == [event, request]


def test_an_object_that_is_gone_or_holds_another_trace_is_not_the_traces(store: tuple["Minio", str]) -> None:
    other = put(*store, NOW, PROJECT, "another trace")
    with pytest.raises(CheckFailedError, match="none"):
        stored_object(*store, PROJECT, "mine", other)
    with pytest.raises(CheckFailedError, match="NoSuchKey"):
        stored_object(*store, PROJECT, "mine", "otel/gone.json")
    with pytest.raises(CheckFailedError, match="none") as found:
        stored_object(*store, PROJECT, "mine")
    assert "langfuse-web" in found.value.fix


@pytest.mark.parametrize("minutes", [0, 1])
def test_the_stored_request_of_a_trace_without_rows_is_found_among_others(
    store: tuple["Minio", str], minutes: int
) -> None:
    """The minute may turn between the call and the object."""
    since, mine = NOW - timedelta(minutes=minutes), trace_id_of(new_user_id())
    put(*store, since, PROJECT, new_user_id())
    path = put(*store, NOW, PROJECT, f'{{"traceId": "{mine}"}}')
    assert exported_object(*store, PROJECT, mine, since) == path


@pytest.mark.parametrize(
    ("project", "minutes"), [("another-project", 0), (PROJECT, -30)], ids=["another project", "long before"]
)
def test_a_request_elsewhere_is_not_the_traces(store: tuple["Minio", str], project: str, minutes: int) -> None:
    mine = trace_id_of(new_user_id())
    put(*store, NOW + timedelta(minutes=minutes), project, mine)
    with pytest.raises(CheckFailedError) as found:
        exported_object(*store, PROJECT, mine, NOW)
    assert found.value.seen == "none"
    assert "langfuse-web" in found.value.fix
    assert not found.value.final


def test_requests_from_before_the_call_are_not_read(
    store: tuple["Minio", str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(*store, datetime.now(UTC), PROJECT, "before")
    read = objects_read(store[0], monkeypatch)
    with pytest.raises(CheckFailedError, match="none"):
        exported_object(*store, PROJECT, "mine", datetime.now(UTC) + timedelta(seconds=5))
    assert read == []


def test_among_too_many_requests_it_is_left_open_where_the_trace_is(
    store: tuple["Minio", str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "MAX_OBJECTS", 3)
    since = datetime.now(UTC)
    for _ in range(4):
        put(*store, since, PROJECT, "another trace")
    assert exported_object(*store, PROJECT, "mine", since) is None


def test_a_wrong_key_of_the_object_store_is_named(minio: Container, store: tuple["Minio", str]) -> None:
    stranger = bucket.client(minio.published[9000], gate_inputs("minio-app-key")["root_user"], "canary-of-nobody")
    probes: tuple[Callable[[], object], ...] = (
        lambda: stored_object(stranger, store[1], PROJECT, "mine"),
        lambda: exported_object(stranger, store[1], PROJECT, "mine", NOW),
    )
    for probe in probes:
        with pytest.raises(CheckFailedError, match="SignatureDoesNotMatch") as found:
            probe()
        assert "canary" not in str(found.value)
