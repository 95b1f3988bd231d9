"""What the stand-in does while a store is away, and when it is told to stop."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.standin.docker_cli import docker, eventually, exit_status
from tests.standin.traces import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.standin.doubles import Double

pytestmark = [pytest.mark.docker, pytest.mark.soak]


@contextmanager
def without(double: Double, store: str) -> Iterator[None]:
    double.get("/api/public/projects")  # so that the key is cached
    double.stores.stop(store)
    try:
        yield
    finally:
        double.stores.resume(store)


def statuses(double: Double) -> tuple[int, ...]:
    paths = ["health", "ready", "health?failIfDatabaseUnavailable=true"]
    return tuple(double.get(f"/api/public/{path}").status_code for path in paths)


def test_recent_events_are_asked_of_clickhouse(three: Double) -> None:
    Trace().send(three)
    path = "/api/public/health?failIfNoRecentEvents=true"
    eventually(lambda: three.get(path).status_code == 200)

    def once_emptied() -> httpx.Response:
        three.stores.clickhouse(three.name).command("TRUNCATE TABLE traces")
        three.stores.clickhouse(three.name).command("TRUNCATE TABLE observations")
        return three.get(path)

    # More than once, since the worker may still be writing what was sent before.
    answer = eventually(once_emptied, accept=lambda seen: seen.status_code != 200)
    assert (answer.status_code, answer.json()["status"]) == (503, "No traces within the last 3 minutes")


def test_without_the_bucket_nothing_is_taken(three: Double) -> None:
    with without(three, "minio"):
        answer = Trace().send(three)
        assert (answer.status_code, "Failed to upload JSON to S3" in answer.text) == (500, True)
        event = {"id": "e", "timestamp": "2026-01-02T03:04:05Z", "type": "trace-create", "body": {"id": "t"}}
        assert three.post("/api/public/ingestion", json={"batch": [event]}).status_code == 500
        assert statuses(three) == (200, 200, 200)
        assert three.worker_health().status_code == 200


def test_without_clickhouse_traces_are_taken_and_appear_after_it_is_back(three: Double) -> None:
    trace = Trace()
    with without(three, "clickhouse"):
        assert trace.send(three).status_code == 200
        assert statuses(three) == (200, 200, 200)
        answer = three.get("/api/public/health?failIfNoRecentEvents=true")
        assert (answer.status_code, answer.json()["status"]) == (503, "Couldn't fetch recent events")
        assert three.get("/api/public/traces").status_code == 500
        assert three.worker_health().status_code == 200
    assert trace.read(three, seconds=90)["name"] == "smoke"


def test_without_postgres_known_keys_go_on(three: Double) -> None:
    trace = Trace()
    with without(three, "postgres"):
        assert statuses(three) == (200, 200, 503)
        assert (
            three.get("/api/public/health?failIfDatabaseUnavailable=true").json()["status"] == "Database not available"
        )
        assert trace.send(three).status_code == 200
        with three.client(("pk-lf-unknown", "sk-lf-unknown")) as client:
            assert client.post("/api/public/otel/v1/traces", json={}).status_code == 503
            assert client.get("/api/public/traces").status_code == 500
        worker = three.worker_health()
        assert (worker.status_code, worker.json()["status"]) == (500, "error")
    assert trace.read(three)["name"] == "smoke"
    eventually(lambda: three.worker_health().status_code == 200)


def test_without_redis_requests_hang_and_the_worker_is_unwell(three: Double) -> None:
    trace = Trace()
    with without(three, "redis"):
        assert statuses(three) == (200, 200, 200)
        with pytest.raises(httpx.ReadTimeout):
            trace.send(three, timeout=3)
        assert three.worker_health().status_code == 500
    eventually(lambda: three.worker_health().status_code == 200)
    after = Trace()
    assert after.send(three).status_code == 200
    assert after.read(three, seconds=60)["name"] == "smoke"


def test_while_the_worker_is_gone_jobs_wait_in_the_queue(three: Double) -> None:
    three.stop("worker")
    trace = Trace()
    trace.send(three)
    queue = f"{three.name}:otel-ingestion-queue:wait"
    assert three.stores.redis().llen(queue) == 1
    three.start_worker()
    trace.read(three)
    eventually(lambda: three.stores.redis().llen(queue) == 0)


def test_a_worker_told_to_stop_writes_what_it_holds(fresh: Double) -> None:
    fresh.start(LANGFUSE_INGESTION_CLICKHOUSE_WRITE_INTERVAL_MS="600000")
    trace = Trace()
    trace.send(fresh)
    prefix = f"{fresh.name}:otel-ingestion-queue"
    redis = fresh.stores.redis()
    eventually(lambda: redis.llen(f"{prefix}:wait") + redis.llen(f"{prefix}:active") == 0)
    assert fresh.rows("SELECT count() FROM observations") == [(0,)]
    docker("kill", "-s", "INT", fresh.worker)
    assert exit_status(fresh.worker) == 0
    assert "Shutdown complete" in docker("logs", fresh.worker)
    assert fresh.rows("SELECT count() FROM observations") == [(2,)]


def test_a_web_told_to_stop_is_not_ready_but_serves_until_it_has_drained(fresh: Double) -> None:
    fresh.start_web(LANGFUSE_STANDIN_DRAIN_SECONDS="3")
    docker("kill", "-s", "TERM", fresh.web)
    assert eventually(lambda: fresh.get("/api/public/ready").status_code, accept=lambda status: status == 500)
    assert fresh.get("/api/public/health").status_code == 200
    assert Trace().send(fresh).status_code == 200
    assert exit_status(fresh.web) == 0
