"""Release 3 from the outside: what is taken, where it is kept on its way, and how it is read back."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.standin.docker_cli import docker, eventually
from tests.standin.doubles import OWNER
from tests.standin.stores import BUCKET
from tests.standin.traces import Trace

if TYPE_CHECKING:
    from tests.standin.doubles import Double, Doubles

pytestmark = pytest.mark.docker


def event(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "timestamp": "2026-01-02T03:04:05.000Z", "type": kind, "body": body}


def test_health_is_upper_case_and_names_the_stand_in(three: Double) -> None:
    answer = three.get("/api/public/health")
    assert answer.json() == {"status": "OK", "version": "3.225.4-standin"}
    assert answer.headers["x-langfuse-standin"] == "3.225.4"
    assert three.get("/api/public/ready").json()["status"] == "OK"
    assert "This is not Langfuse" in three.get("/").text
    assert "stand-in" in docker("logs", three.web)


def test_the_worker_is_well_and_says_what_it_is(three: Double) -> None:
    assert three.worker_health().json() == {"status": "ok"}
    assert three.worker_health("/api/ready").status_code == 200
    assert "Langfuse Worker API (conformance stand-in" in three.worker_health("/").text


def test_keys_open_their_project_and_wrong_ones_do_not(three: Double) -> None:
    assert three.get("/api/public/projects").json()["data"][0]["id"] == "project"
    for keys in [(three.keys[0], "wrong"), ("pk-lf-unknown", three.keys[1])]:
        with three.client(keys) as client:
            answer = client.get("/api/public/projects")
            assert answer.status_code == 401
            assert answer.json()["message"]
    url = f"http://127.0.0.1:{three.web_port}/api/public/otel/v1/traces"
    assert httpx.post(url, json={}).status_code == 401
    assert httpx.post(url, json={}, headers={"authorization": f"Bearer {three.keys[0]}"}).status_code == 403


def test_a_trace_sent_as_json_is_kept_in_the_bucket_and_read_back_whole(three: Double) -> None:
    trace = Trace()
    answer = trace.send(three)
    assert answer.status_code == 200
    key = answer.json()["data"]["payload"]["data"]["fileKey"]
    assert key.startswith(f"{three.name}/otel/project/2")
    assert three.stores.minio().stat_object(bucket_name=BUCKET, object_name=key).size
    read = trace.read(three)
    assert (read["name"], read["userId"], read["sessionId"]) == ("smoke", "user-1", trace.session_id)
    assert read["tags"] == ["first", "second"]
    assert read["input"] == [{"role": "user", "content": "ping"}]
    assert read["output"] == {"role": "assistant", "content": "pong"}
    by_type = {observation["type"]: observation for observation in read["observations"]}
    generation, span = by_type["GENERATION"], by_type["SPAN"]
    assert generation["model"] == "smoke-model"
    assert generation["usageDetails"] == {"input": 10, "output": 20, "total": 30}
    assert generation["latency"] == 2.0
    assert (span["level"], span["statusMessage"], span["parentObservationId"]) == ("ERROR", "refused", generation["id"])
    assert three.rows("SELECT count() FROM traces WHERE id = {id:String}", id=trace.trace_id) == [(1,)]
    logged = "SELECT count() FROM blob_storage_file_log WHERE entity_id = {id:String}"
    assert three.rows(logged, id=trace.trace_id) == [(1,)]


def test_a_trace_sent_as_compressed_protobuf_is_the_same(three: Double) -> None:
    trace = Trace()
    assert trace.send_protobuf(three).status_code == 200
    assert trace.read(three)["sessionId"] == trace.session_id


def test_lists_find_a_trace_by_session_and_its_observations_by_trace(three: Double) -> None:
    trace = Trace()
    trace.send(three)
    trace.read(three)
    found = three.get(f"/api/public/traces?sessionId={trace.session_id}").json()
    assert [entry["id"] for entry in found["data"]] == [trace.trace_id]
    assert found["meta"]["totalItems"] == 1
    assert len(three.get(f"/api/public/observations?traceId={trace.trace_id}").json()["data"]) == 2
    assert len(three.get(f"/api/public/observations?traceId={trace.trace_id}&type=SPAN").json()["data"]) == 1
    assert trace.session_id in three.get("/api/public/sessions?limit=100").text


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{}", {"content-type": "text/plain"}),
        (b"{", {"content-type": "application/json"}),
        (b"\xff\xff", {"content-type": "application/x-protobuf"}),
        (b"no gzip", {"content-type": "application/json", "content-encoding": "gzip"}),
        (b'{"resourceSpans": []}', {"content-type": "application/json", "x-langfuse-ingestion-version": "5"}),
        (
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "short"}]}]}]}',
            {"content-type": "application/json"},
        ),
    ],
)
def test_what_is_no_valid_export_is_refused_whole(three: Double, content: bytes, headers: dict[str, str]) -> None:
    assert three.post("/api/public/otel/v1/traces", content=content, headers=headers).status_code == 400


def test_an_export_without_spans_is_ok_but_no_job(three: Double) -> None:
    answer = three.post("/api/public/otel/v1/traces", json={"resourceSpans": []})
    assert (answer.status_code, answer.json()) == (200, {"message": "OK"})
    assert three.get("/api/public/otel/v1/traces").status_code == 405


def test_a_batch_is_answered_event_by_event_and_its_entities_add_up(three: Double) -> None:
    trace_id, generation_id = str(uuid.uuid4()), str(uuid.uuid4())
    batch = [
        event("trace-create", {"id": trace_id, "name": "batch", "metadata": {"a": 1}}),
        event("generation-create", {"id": generation_id, "traceId": trace_id, "model": "m", "usage": {"input": 3}}),
        event("generation-update", {"id": generation_id, "output": "done"}),
        event("score-create", {"traceId": trace_id, "name": "quality", "value": 0.5}),
        event("nonsense", {}),
    ]
    answer = three.post("/api/public/ingestion", json={"batch": batch})
    assert answer.status_code == 207
    assert [entry["status"] for entry in answer.json()["successes"]] == [201] * 4
    assert [entry["status"] for entry in answer.json()["errors"]] == [400]
    path = f"/api/public/traces/{trace_id}"
    read = eventually(
        lambda: three.get(path).json(), accept=lambda content: content.get("observations") and content.get("scores")
    )
    assert read["observations"][0]["output"] == "done"
    assert read["observations"][0]["usageDetails"] == {"input": 3}
    assert read["scores"][0]["value"] == 0.5
    assert read["metadata"] == {"a": 1}
    keys = three.stores.minio().list_objects(
        bucket_name=BUCKET, prefix=f"{three.name}/project/observation/{generation_id}/"
    )
    assert len(list(keys)) == 2


def test_rows_that_clickhouse_cannot_take_are_given_up_and_later_ones_are_taken(three: Double) -> None:
    bad, good = str(uuid.uuid4()), str(uuid.uuid4())
    batch = [event("span-create", {"id": bad, "traceId": "t", "startTime": "no time at all"})]
    assert three.post("/api/public/ingestion", json={"batch": batch}).status_code == 207
    eventually(lambda: "Max attempts reached, dropped" in docker("logs", three.worker))
    batch = [event("span-create", {"id": good, "traceId": "t"})]
    assert three.post("/api/public/ingestion", json={"batch": batch}).status_code == 207
    eventually(lambda: three.get(f"/api/public/observations/{good}").status_code == 200)
    assert three.get(f"/api/public/observations/{bad}").status_code == 404


def test_batches_that_are_none_or_too_large_are_refused(three: Double) -> None:
    assert three.post("/api/public/ingestion", json={"events": []}).status_code == 400
    assert three.post("/api/public/ingestion", content=b" " * 5_000_000).status_code == 413


def test_a_score_is_taken_and_read_back(three: Double) -> None:
    answer = three.post("/api/public/scores", json={"traceId": "t", "name": "quality", "value": "good"})
    score_id = answer.json()["id"]
    path = f"/api/public/scores/{score_id}"
    eventually(lambda: three.get(path).status_code == 200)
    assert three.get(path).json()["stringValue"] == "good"
    assert score_id in three.get("/api/public/v3/scores?limit=100").text
    assert three.post("/api/public/scores", json={"name": "without a value"}).status_code == 400


def test_release_4s_read_path_is_not_there(three: Double) -> None:
    answer = three.get("/api/public/v2/observations?traceId=x")
    assert answer.status_code == 404
    assert "only available in a Langfuse v4 write mode" in answer.json()["message"]
    assert three.get("/api/public/metrics").status_code == 501


def test_a_deleted_trace_is_gone(three: Double) -> None:
    trace = Trace()
    trace.send(three)
    trace.read(three)
    with three.client() as client:
        assert client.delete(f"/api/public/traces/{trace.trace_id}").status_code == 200
    assert three.get(f"/api/public/traces/{trace.trace_id}").status_code == 404


def test_closed_sign_up_refuses_everybody_and_the_owner_can_log_in(three: Double) -> None:
    new = {"name": "New", "email": "new@example.com", "password": "letters1!"}
    for body in (new, {**new, "email": OWNER[0]}, {}):
        answer = three.post("/api/auth/signup", json=body)
        assert (answer.status_code, answer.json()["message"]) == (422, "Sign up is disabled.")
    page = three.get("/auth/sign-up")
    assert (page.status_code, '"signUpDisabled": true' in page.text) == (200, True)
    for password, status in [(OWNER[1], 200), ("wrong", 401)]:
        form = {"email": OWNER[0], "password": password}
        assert three.post("/api/auth/callback/credentials", data=form).status_code == status


@pytest.mark.soak
def test_open_sign_up_takes_a_new_user_once(fresh: Double) -> None:
    fresh.start_web(AUTH_DISABLE_SIGNUP="false")
    new = {"name": "New", "email": "new@example.com", "password": "letters1!"}
    assert fresh.post("/api/auth/signup", json=new).status_code == 200
    assert fresh.post("/api/auth/signup", json=new).status_code == 422
    assert fresh.post("/api/auth/signup", json={**new, "email": "b@example.com", "password": "weak"}).status_code == 422


@pytest.mark.soak
def test_an_encryption_key_that_is_not_hexadecimal_fails_when_it_is_used(fresh: Double) -> None:
    body = {"provider": "p", "adapter": "openai", "secretKey": "provider-secret"}
    fresh.start_web(ENCRYPTION_KEY="z" * 64)
    with fresh.client() as client:
        answer = client.put("/api/public/llm-connections", json=body)
        assert (answer.status_code, "Invalid key length" in answer.text) == (500, True)
    fresh.start_web()
    with fresh.client() as client:
        assert client.put("/api/public/llm-connections", json=body).status_code == 201
    assert "provider-secret" not in str(fresh.sql('SELECT secret_key FROM "llm_api_keys"'))


@pytest.mark.soak
def test_a_changed_salt_outdates_the_hash_by_which_keys_are_found(fresh: Double) -> None:
    fresh.start_web()
    before = fresh.sql('SELECT fast_hashed_secret_key FROM "api_keys"')
    fresh.start_web(SALT="another")
    assert fresh.get("/api/public/projects").status_code == 200
    assert fresh.sql('SELECT fast_hashed_secret_key FROM "api_keys"') != before


@pytest.mark.soak
def test_behind_a_pooler_unqualified_names_depend_on_the_roles_search_path(fresh: Double) -> None:
    pooled = {"DATABASE_URL": f"{fresh.env['DATABASE_URL']}&pgbouncer=true", "DIRECT_URL": fresh.env["DATABASE_URL"]}
    fresh.start_web(**pooled)
    answer = fresh.get("/api/public/v2/prompts")
    assert answer.status_code == 500
    assert 'relation "prompts" does not exist' in answer.json()["message"]
    fresh.sql(f"ALTER ROLE {fresh.name}_role SET search_path = {fresh.name}")
    fresh.start_web(**pooled)
    assert fresh.get("/api/public/v2/prompts").status_code == 200


def test_keys_in_redis_look_like_langfuses(doubles: Doubles) -> None:
    double = doubles.make("3", REDIS_KEY_PREFIX="").start_web()
    Trace().send(double)
    keys = set(double.stores.redis().keys("*"))
    assert {"bull:otel-ingestion-queue:wait", "bull:otel-ingestion-queue:meta"} <= keys
    assert any(str(key).startswith("api-key:") for key in keys)
    assert double.stores.redis().llen("bull:otel-ingestion-queue:wait") == 1
    double.stores.redis().flushdb()
