"""The hops of a trace through real stores: object, queue, rows."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest

from checks import bucket
from checks import redis as redis_checks
from checks.base import CheckFailedError
from checks.clickhouse_login import Login
from checks.trace import INGESTION_QUEUE, clickhouse_rows, drained_queue, new_user_id, stored_object
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


def key(state: str) -> str:
    return f"bull:{INGESTION_QUEUE}:{state}"


def test_an_empty_queue_is_drained(queue: "Redis") -> None:
    queue.zadd(key("completed"), {"1": 1})
    queue.rpush("bull:another-queue:wait", "1")
    assert drained_queue(queue) == 0


@pytest.mark.parametrize("state", ["wait", "active", "paused"])
def test_jobs_in_a_list_are_left(queue: "Redis", state: str) -> None:
    queue.rpush(key(state), "1", "2")
    with pytest.raises(CheckFailedError) as found:
        drained_queue(queue)
    assert found.value.seen == f"{state} 2"
    assert "langfuse-worker running" in found.value.fix
    queue.delete(key(state))
    assert drained_queue(queue) == 0


@pytest.mark.parametrize("state", ["delayed", "prioritized"])
def test_jobs_in_a_sorted_set_are_left(queue: "Redis", state: str) -> None:
    queue.zadd(key(state), {"1": 1, "2": 2, "3": 3})
    queue.rpush(key("wait"), "4")
    with pytest.raises(CheckFailedError) as found:
        drained_queue(queue)
    assert found.value.seen == f"wait 1, {state} 3"


def test_a_queue_that_cannot_be_read_is_named(redis: Container) -> None:
    with (
        redis_checks.client(redis.published[6379], "canary-of-nobody") as stranger,
        pytest.raises(CheckFailedError) as found,
    ):
        drained_queue(stranger)
    assert "invalid username-password" in found.value.seen
    assert "canary" not in str(found.value)


@pytest.fixture
def login(clickhouse: Container) -> Login:
    return as_operator(clickhouse)


@pytest.fixture
def table(login: Login) -> Iterator[tuple[str, Session]]:
    with session_with(login) as session:
        name = f"traces_{next(numbers)}"
        session.run(
            f"CREATE TABLE {login.database}.{name} (id String, user_id Nullable(String)) ENGINE = MergeTree ORDER BY id"
        )
        yield name, session


def test_rows_of_the_trace_are_counted(login: Login, table: tuple[str, Session]) -> None:
    name, session = table
    mine, another = new_user_id(), new_user_id()
    session.fill(login.database, name, id=["1", "2", "3", "4"], user_id=[mine, mine, another, None])
    assert clickhouse_rows(login, name, mine) == 2


def test_no_row_yet_is_named_with_the_service_that_writes(login: Login, table: tuple[str, Session]) -> None:
    name, session = table
    session.fill(login.database, name, id=["1"], user_id=[new_user_id()])
    with pytest.raises(CheckFailedError) as found:
        clickhouse_rows(login, name, new_user_id())
    assert (found.value.probe, found.value.seen) == (f"rows of the trace in langfuse.{name}", "0 rows")
    assert "langfuse-worker" in found.value.fix
    assert not found.value.final


def test_a_table_that_no_migration_made_is_named(login: Login) -> None:
    with pytest.raises(CheckFailedError, match="UNKNOWN_TABLE"):
        clickhouse_rows(login, "never_made", new_user_id())


def test_a_changed_clickhouse_password_is_named(login: Login) -> None:
    other = Login(login.http_address, login.user, "canary-of-nobody", login.database)
    with pytest.raises(CheckFailedError, match="Code 516: authentication failed") as found:
        clickhouse_rows(other, "traces", new_user_id())
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


@pytest.mark.parametrize("minutes", [0, 1])
def test_the_stored_request_of_the_trace_is_found_among_others(store: tuple["Minio", str], minutes: int) -> None:
    """The minute may turn between the call and the object."""
    since, mine = NOW - timedelta(minutes=minutes), new_user_id()
    put(*store, since, PROJECT, new_user_id())
    path = put(*store, NOW, PROJECT, f'{{"user.id": "{mine}"}}')
    assert stored_object(*store, f"otel/{PROJECT}", mine, since) == path


@pytest.mark.parametrize(
    ("project", "minutes"), [("another-project", 0), (PROJECT, -30)], ids=["another project", "long before"]
)
def test_an_object_elsewhere_is_not_the_traces(store: tuple["Minio", str], project: str, minutes: int) -> None:
    mine = new_user_id()
    put(*store, NOW + timedelta(minutes=minutes), project, mine)
    with pytest.raises(CheckFailedError) as found:
        stored_object(*store, f"otel/{PROJECT}", mine, NOW)
    assert found.value.seen == "none"
    assert "langfuse-web" in found.value.fix
    assert not found.value.final


def test_a_wrong_key_of_the_object_store_is_named(minio: Container, store: tuple["Minio", str]) -> None:
    stranger = bucket.client(minio.published[9000], gate_inputs("minio-app-key")["root_user"], "canary-of-nobody")
    with pytest.raises(CheckFailedError, match="SignatureDoesNotMatch") as found:
        stored_object(stranger, store[1], f"otel/{PROJECT}", new_user_id(), NOW)
    assert "canary" not in str(found.value)
