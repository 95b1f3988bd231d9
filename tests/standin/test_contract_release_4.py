"""Release 4 from the outside, where it differs from release 3."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.standin.docker_cli import docker, eventually
from tests.standin.traces import Trace

if TYPE_CHECKING:
    from tests.standin.doubles import Double, Doubles

pytestmark = pytest.mark.docker


def test_health_names_release_4(four: Double) -> None:
    assert four.get("/api/public/health").json()["version"] == "4.16.0-standin"


def test_a_trace_is_read_back_by_its_observations(four: Double) -> None:
    trace = Trace()
    assert trace.send(four).status_code == 200
    observations = {entry["type"]: entry for entry in trace.observations(four)}
    generation = observations["GENERATION"]
    assert (generation["traceName"], generation["userId"], generation["sessionId"]) == (
        "smoke",
        "user-1",
        trace.session_id,
    )
    assert generation["usageDetails"] == {"input": 10, "output": 20, "total": 30}
    assert generation["parentObservationId"] is None
    assert observations["SPAN"]["level"] == "ERROR"
    assert four.rows("SELECT count() FROM events_core WHERE trace_id = {id:String}", id=trace.trace_id) == [(2,)]
    assert four.rows("SELECT count() FROM traces") == [(0,)]
    assert four.get(f"/api/public/v2/observations?traceId={uuid.uuid4().hex}").json()["data"] == []
    found = four.get("/api/public/v2/observations?userId=user-1&limit=1").json()["data"]
    assert len(found) == 1


def test_the_batch_api_takes_scores_alone_and_still_answers_207(four: Double) -> None:
    event = {"id": "e1", "timestamp": "2026-01-02T03:04:05.000Z", "type": "trace-create", "body": {"id": "t"}}
    score = {**event, "id": "e2", "type": "score-create", "body": {"name": "quality", "value": 1, "traceId": "t"}}
    log = {**event, "id": "e3", "type": "sdk-log"}
    answer = four.post("/api/public/ingestion", json={"batch": [event, score, log]})
    assert answer.status_code == 207
    assert [(entry["id"], entry["status"]) for entry in answer.json()["errors"]] == [("e1", 400)]
    assert "Event type not accepted" in answer.json()["errors"][0]["message"]
    assert [(entry["id"], entry["status"]) for entry in answer.json()["successes"]] == [("e2", 201)]
    eventually(lambda: four.get("/api/public/v3/scores").json()["data"])


@pytest.mark.parametrize("path", ["traces", "traces/x", "observations", "sessions", "scores", "v2/scores"])
def test_release_3s_read_paths_are_gone(four: Double, path: str) -> None:
    answer = four.get(f"/api/public/{path}")
    assert answer.status_code == 404
    assert "events_only mode" in answer.json()["message"]


def test_the_worker_reads_system_parts_once_in_the_background(four: Double) -> None:
    query = "SELECT finished_at IS NOT NULL, failed_reason FROM background_migrations WHERE script LIKE 'backfill%'"
    assert eventually(lambda: four.sql(query), accept=lambda rows: rows[0][0] is True) == [(True, None)]


@pytest.mark.soak
def test_in_dual_mode_both_read_paths_answer(doubles: Doubles) -> None:
    double = doubles.make(
        "4",
        LANGFUSE_STANDIN_OLD_CLICKHOUSE="true",
        LANGFUSE_MIGRATION_V4_WRITE_MODE="dual",
        LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR="dual_write",
    ).start()
    trace = Trace()
    trace.send(double)
    assert trace.read(double)["sessionId"] == trace.session_id
    assert len(trace.observations(double)) == 2


def test_rows_of_release_3_are_copied_once_the_gate_is_open(doubles: Doubles) -> None:
    gate = "LANGFUSE_BACKGROUND_MIGRATION_V4_ENABLE_HISTORIC_BACKFILL"
    double, trace = doubles.make("3").start(), Trace()
    trace.send(double)
    trace.read(double)
    double.stop()
    double.release = "4"
    mode = {
        "LANGFUSE_STANDIN_OLD_CLICKHOUSE": "true",
        "LANGFUSE_MIGRATION_V4_WRITE_MODE": "dual",
        "LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR": "dual_write",
    }
    double.start(**mode, **{gate: "false"})
    assert trace.read(double)["sessionId"] == trace.session_id
    path = f"/api/public/v2/observations?traceId={trace.trace_id}"
    assert double.get(path).json()["data"] == []
    double.start_worker(**mode)
    copied = {entry["id"]: entry for entry in trace.observations(double)}
    assert copied[trace.generation_id]["sessionId"] == trace.session_id
    assert copied[trace.generation_id]["parentObservationId"] == f"t-{trace.trace_id}"
    count = "SELECT count(), uniqExact(span_id) FROM events_full FINAL"
    assert eventually(lambda: double.rows(count), accept=lambda rows: rows == [(3, 3)]) == [(3, 3)]


@pytest.mark.soak
def test_in_legacy_mode_only_release_3s_read_paths_answer(doubles: Doubles) -> None:
    double = doubles.make(
        "4",
        LANGFUSE_STANDIN_OLD_CLICKHOUSE="true",
        LANGFUSE_MIGRATION_V4_WRITE_MODE="legacy",
        LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR="dual_write",
    ).start()
    trace = Trace()
    trace.send(double)
    assert trace.read(double)["name"] == "smoke"
    assert double.get("/api/public/v2/observations").status_code == 404


def test_the_names_of_variables_are_taken_as_they_are_written(doubles: Doubles) -> None:
    double = doubles.make("4", LANGFUSE_STANDIN_OLD_CLICKHOUSE="true", langfuse_migration_v4_write_mode="legacy")
    double.start_web()
    assert double.get("/api/public/traces").status_code == 404
    assert "stand-in" in docker("logs", double.web)
