"""Rows that ClickHouse lacks come back from the bucket, once; what was deleted on purpose does not."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from ops.capacity.queues import Server, failures
from ops.replay.jobs import EVENT_QUEUE, OTEL_QUEUE, Producer
from ops.replay.raw import OTLP, Bucket, RawEvent
from ops.replay.rows import Rows
from ops.replay.search import Lost, Search
from ops.replay.tally import DELETED, Tally
from ops.replay.window import Window
from tests.standin.docker_cli import eventually
from tests.standin.stores import BUCKET, PASSWORD
from tests.standin.traces import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.standin.doubles import Double, Doubles

pytestmark = pytest.mark.docker
TRACES = 25


@dataclass
class Replay:
    """What the operator's command does, on a double."""

    double: Double
    tally: Tally

    @property
    def queues(self) -> Server:
        return Server(f"127.0.0.1:{self.double.stores.ports['redis']}", PASSWORD, prefix=self.double.name)

    def search(self, *, since: datetime, release_4: bool = False) -> list[Lost]:
        stores, name = self.double.stores, self.double.name
        now = datetime.now(UTC) + timedelta(minutes=1)
        self.tally = Tally()
        with stores.postgres() as postgres:
            rows = Rows(stores.clickhouse(name), name, postgres, name)
            found = Search(Bucket(stores.minio(), BUCKET, f"{name}/"), rows, release_4, self.tally)
            return list(found.lost(Window(since, now), now))

    def put(self, lost: list[Lost]) -> None:
        with closing(Producer(self.queues)) as producer:
            producer.put([entry.event for entry in lost])

    def jobs(self, queue: str, state: str) -> int:
        redis, key = self.double.stores.redis(), f"{self.double.name}:{queue}:{state}"
        return int(redis.zcard(key) if state == "failed" else redis.llen(key))


@pytest.fixture(scope="module")
def double(doubles: Doubles) -> Iterator[Double]:
    made = doubles.make("3").start()
    yield made
    made.stop()


@pytest.fixture
def replay(double: Double) -> Replay:
    return Replay(double, Tally())


@pytest.fixture
def since() -> datetime:
    """From here on nothing was written before the test."""
    return datetime.now(UTC).replace(microsecond=0)


def counted(double: Double, *tables: str) -> dict[str, tuple[object, ...]]:
    """Table to rows that a reader sees, and to different ids."""
    query = "SELECT count(), uniqExact(id) FROM {table:Identifier} FINAL"
    return {table: double.rows(query, table=table)[0] for table in tables or ("traces", "observations", "scores")}


def lose(double: Double, table: str, condition: str = "1") -> None:
    double.stores.clickhouse(double.name).command(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608 - our own


def several(double: Double) -> list[Trace]:
    sent = [Trace() for _ in range(TRACES)]
    for trace in sent:
        assert trace.send(double).status_code == 200
    for trace in sent:
        trace.read(double)
    return sent


def test_rows_that_an_operator_deleted_are_all_back_and_none_is_there_twice(
    double: Double, replay: Replay, since: datetime
) -> None:
    several(double)
    score = {"id": str(uuid4()), "traceId": "some-trace", "name": "quality", "value": 1}
    double.post("/api/public/scores", json=score)
    eventually(lambda: double.rows("SELECT count() FROM scores") == [(1,)])
    before = counted(double)
    assert replay.search(since=since) == []
    for table in before:
        lose(double, table)
    assert set(counted(double).values()) == {(0, 0)}
    lost = replay.search(since=since)
    assert replay.tally.distinct == {table: count for table, (count, _) in before.items()}
    replay.put(lost)
    eventually(lambda: counted(double) == before)
    eventually(lambda: replay.search(since=since) == [])
    assert {count == ids for count, ids in counted(double).values()} == {True}


def test_rows_that_are_there_stay_as_they_are_when_their_events_are_replayed_all_the_same(
    double: Double, replay: Replay, since: datetime
) -> None:
    [first, *_] = several(double)
    before = counted(double)
    lose(double, "observations", f"id = '{first.span_id}'")
    [lost] = replay.search(since=since)
    assert [(table.name, id_) for table, id_ in lost.rows] == [("observations", first.span_id)]
    replay.put([lost])
    eventually(lambda: counted(double) == before)


def test_what_was_deleted_through_langfuse_stays_deleted(double: Double, replay: Replay, since: datetime) -> None:
    deleted, lost = several(double)[:2]
    with double.client() as client:
        client.delete(f"/api/public/traces/{deleted.trace_id}")
    gone = "SELECT count() FROM traces WHERE id = {id:String}"
    eventually(lambda: double.rows(gone, id=deleted.trace_id) == [(0,)])
    lose(double, "traces", f"id = '{lost.trace_id}'")
    found = replay.search(since=since)
    assert {id_ for entry in found for _, id_ in entry.rows} == {lost.trace_id}
    assert replay.tally.distinct[DELETED] == 1
    replay.put(found)
    eventually(lambda: double.rows(gone, id=lost.trace_id) == [(1,)])
    assert double.rows(gone, id=deleted.trace_id) == [(0,)]


def test_an_id_that_its_key_spells_otherwise_is_found_by_what_the_event_says(
    double: Double, replay: Replay, since: datetime
) -> None:
    name = f"run/{uuid4()} of today"
    event = {"id": str(uuid4()), "timestamp": since.isoformat(), "type": "trace-create", "body": {"id": name}}
    double.post("/api/public/ingestion", json={"batch": [event]})
    there = "SELECT count() FROM traces FINAL WHERE id = {id:String}"
    eventually(lambda: double.rows(there, id=name) == [(1,)])
    assert replay.search(since=since) == []
    lose(double, "traces", f"id = '{name}'")
    [lost] = replay.search(since=since)
    replay.put([lost])
    eventually(lambda: double.rows(there, id=name) == [(1,)])


def test_an_object_that_is_no_raw_event_is_named_and_holds_nothing_up(
    double: Double, replay: Replay, since: datetime
) -> None:
    from io import BytesIO

    [first, *_] = several(double)
    key = f"{double.name}/otel/project/{since:%Y/%m/%d/%H/%M}/broken.json"
    double.stores.minio().put_object(BUCKET, key, BytesIO(b"{"), 1)
    lose(double, "traces", f"id = '{first.trace_id}'")
    assert replay.search(since=since) != []
    assert replay.tally.broken == [key]
    double.stores.minio().remove_object(BUCKET, key)


def test_a_job_that_waits_already_is_not_put_a_second_time(double: Double, replay: Replay) -> None:
    double.stop("worker")
    events = [
        RawEvent("project", OTLP, f"{double.name}/otel/project/2026/01/01/00/00/{uuid4()}.json"),
        RawEvent("project", "trace", f"{double.name}/project/trace/t/{uuid4()}.json", "t"),
    ]
    for _ in range(2):
        with closing(Producer(replay.queues)) as producer:
            producer.put(events)
    assert (replay.jobs(OTEL_QUEUE, "wait"), replay.jobs(EVENT_QUEUE, "wait")) == (1, 1)
    for queue in (OTEL_QUEUE, EVENT_QUEUE):
        double.stores.redis().delete(f"{double.name}:{queue}:wait")
    double.start_worker()


def test_jobs_that_failed_for_good_are_told_and_tried_again(double: Double, replay: Replay) -> None:
    trace = Trace()
    key = f"{double.name}/otel/project/2026/01/01/00/00/{uuid4()}.json"

    async def once() -> None:
        from bullmq import Queue
        from redis.asyncio import Redis

        queue = Queue(
            OTEL_QUEUE,
            {"connection": Redis(port=double.stores.ports["redis"], password=PASSWORD, decode_responses=True),
             "prefix": double.name},
        )  # fmt: skip
        scope = {"projectId": "project", "accessLevel": "project"}
        payload = {"data": {"fileKey": key}, "authCheck": {"validKey": True, "scope": scope}}
        await queue.add("otel-ingestion-job", {"payload": payload}, {"attempts": 1, "removeOnFail": 100})
        await queue.close()

    asyncio.run(once())
    [failed] = eventually(lambda: failures(replay.queues))
    assert (failed.queue, failed.count) == (OTEL_QUEUE, 1)
    assert failed.reason
    from io import BytesIO

    content = json.dumps(trace.json()["resourceSpans"]).encode()
    double.stores.minio().put_object(BUCKET, key, BytesIO(content), len(content))
    with closing(Producer(replay.queues)) as producer:
        assert producer.retry(OTEL_QUEUE) == 1
    assert trace.read(double)["name"] == "smoke"
    assert failures(replay.queues) == []


def test_release_4_gets_rows_back_into_its_own_table(four: Double, since: datetime) -> None:
    replay, trace = Replay(four, Tally()), Trace()
    trace.send(four)
    there = "SELECT count() FROM events_full FINAL WHERE trace_id = {id:String}"
    eventually(lambda: four.rows(there, id=trace.trace_id) == [(2,)])
    lose(four, "events_full", f"trace_id = '{trace.trace_id}'")
    found = replay.search(since=since, release_4=True)
    lost = [entry for entry in found if trace.span_id in {id_ for _, id_ in entry.rows}]
    assert len(lost) == 1
    replay.put(lost)
    eventually(lambda: four.rows(there, id=trace.trace_id) == [(2,)])
