"""The gates of Langfuse and the gateway against web servers that answer as broken ones do."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from checks.base import CheckProvider
from checks.http import GatewayProvider, ProofProvider, TraceProvider, WebProvider, WorkerProvider
from tests.checks.containers import gate_inputs
from tests.checks.gates import green, red
from tests.checks.local_server import Answer, Request, Routes, serving

HEALTH, READY, PROJECTS = "/api/public/health", "/api/public/ready", "/api/public/projects"
WEB: Routes = {
    HEALTH: Answer(body={"status": "OK", "version": "3.225.4"}),
    READY: Answer(body={"status": "OK"}),
    PROJECTS: Answer(body={"data": []}),
}
WORKER: Routes = {"/api/health": Answer(body={"status": "ok"}), "/api/ready": Answer(body={"status": "ok"})}
LOOKED_AT = {"ui_bytes": 1}
PAGE = Answer(200, "<html>somebody else's page</html>")


@pytest.fixture(autouse=True)
def looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look at UI and stores has its own tests, against real stores."""
    monkeypatch.setattr("checks.http.validated", lambda _inputs: LOOKED_AT)


def inputs_for(name: str, url: str, **altered: Any) -> dict[str, Any]:
    return {**gate_inputs(name), "url": url, "gateway_url": url, "deadline_seconds": 0, **altered}


def web(url: str, **altered: Any) -> dict[str, Any]:
    return inputs_for("langfuse-web-gate", url, **altered)


BROKEN_WEB = [
    (HEALTH, Answer(503, {"status": "error"}), 'HTTP 503 {"status": "error"}'),
    (HEALTH, Answer(200, {"status": "starting"}), "status 'starting'"),
    (HEALTH, Answer(200, ["OK"]), "not a JSON object: '[\"OK\"]'"),
    (HEALTH, PAGE, 'not a JSON object: "<html>somebody else\'s page</html>"'),
    (HEALTH, Answer(302, "", {"Location": "/auth/sign-in"}), "HTTP 302 /auth/sign-in"),
    (READY, Answer(500, {"status": "Service is shutting down"}), 'HTTP 500 {"status": "Service is shutting down"}'),
    (PROJECTS, Answer(401, {"error": "Invalid credentials"}), 'HTTP 401 {"error": "Invalid credentials"}'),
]


@pytest.mark.parametrize(("path", "answer", "seen"), BROKEN_WEB)
def test_a_web_that_is_not_well_is_named_with_what_it_answered(path: str, answer: Answer, seen: str) -> None:
    with serving({**WEB, path: answer}) as url:
        found = red(WebProvider, web(url))
    assert found.probe.startswith(f"GET {url}{path}")
    assert found.seen == seen
    assert "langfuse-web" in found.fix


def test_web_is_asked_whether_its_database_answers() -> None:
    asked: list[str] = []

    def health(request: Request) -> Answer:
        asked.append(request.path)
        return Answer(503)

    with serving({**WEB, HEALTH: health}) as url:
        red(WebProvider, web(url))
    assert asked == [f"{HEALTH}?failIfDatabaseUnavailable=true"]


@pytest.mark.parametrize(("version", "seen"), [("3.1.0", "version 3.1.0"), ("", "version absent")])
def test_another_version_than_the_images_is_refused(version: str, seen: str) -> None:
    with serving({**WEB, HEALTH: Answer(body={"status": "OK", "version": version})}) as url:
        found = red(WebProvider, web(url, deadline_seconds=60))
    assert (found.probe, found.seen) == (f"GET {url}{HEALTH}", seen)
    assert "expected 3.225.4" in found.fix


def test_an_image_whose_migrations_are_unknown_is_refused() -> None:
    with serving(WEB) as url:
        found = red(WebProvider, web(url, ledgers={}, deadline_seconds=60))
    assert found.probe == "migrations that the web image ships"
    assert found.seen == "unknown for clickhouse, postgres"
    assert "ops images --refresh" in found.fix


@pytest.fixture
def frozen() -> Iterator[Answer]:
    """An answer that never comes."""
    end = threading.Event()
    yield Answer(after=end)
    end.set()


def test_a_web_that_does_not_answer_is_given_up(frozen: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checks.trace.TIMEOUT_SECONDS", 0.2)
    with serving({**WEB, HEALTH: frozen}) as url:
        found = red(WebProvider, web(url))
    assert found.seen == "TimeoutError: timed out"
    assert found.probe.startswith(f"GET {url}{HEALTH}")


def test_nothing_listening_is_named() -> None:
    found = red(WebProvider, web("http://127.0.0.1:1"))
    assert "Connection refused" in found.seen


def test_a_worker_that_is_well_is_proven() -> None:
    with serving(WORKER) as url:
        assert green(WorkerProvider, inputs_for("langfuse-worker-gate", url)) == {"url": url}


@pytest.mark.parametrize("path", WORKER)
def test_a_worker_that_is_not_well_is_named(path: str) -> None:
    with serving({**WORKER, path: Answer(503, {"status": "error"})}) as url:
        found = red(WorkerProvider, inputs_for("langfuse-worker-gate", url))
    assert found.probe == f"GET {url}{path}"
    assert found.seen == 'HTTP 503 {"status": "error"}'
    assert "langfuse-worker" in found.fix


def test_the_web_image_in_the_workers_place_is_found() -> None:
    with serving({**WEB, **WORKER}) as url:
        found = red(WorkerProvider, inputs_for("langfuse-worker-gate", url, deadline_seconds=60))
    assert found.seen == "answered, as only web does"
    assert "set langfuse:workerImage" in found.fix


KEY = gate_inputs("gateway-gate")["master_key"]


def with_the_key(answer: Answer) -> Any:
    """A route that answers so to whoever has the master key."""

    def route(request: Request) -> Answer:
        return answer if request.headers.get("Authorization") == f"Bearer {KEY}" else Answer(401, {"error": "no"})

    return route


def gateway(models: Any = None, **routes: Any) -> Routes:
    served = models or Answer(body={"data": [{"id": "smoke"}, {"id": "gpt"}]})
    return {"/health/readiness": Answer(body={"status": "healthy"}), "/v1/models": with_the_key(served), **routes}


def gateway_inputs(url: str, **altered: Any) -> dict[str, Any]:
    return inputs_for("gateway-gate", url, models=["smoke", "gpt"], **altered)


def test_a_gateway_that_wants_its_key_and_serves_every_model_is_proven() -> None:
    with serving(gateway()) as url:
        assert green(GatewayProvider, gateway_inputs(url)) == {"models": ["gpt", "smoke"]}


def test_a_gateway_that_takes_any_key_is_refused() -> None:
    with serving({**gateway(), "/v1/models": Answer(body={"data": []})}) as url:
        found = red(GatewayProvider, gateway_inputs(url, deadline_seconds=60))
    assert (found.probe, found.seen) == (f"GET {url}/v1/models with a wrong key", "accepted")


def test_a_model_that_is_not_served_is_named() -> None:
    with serving(gateway(Answer(body={"data": [{"id": "smoke"}]}))) as url:
        found = red(GatewayProvider, gateway_inputs(url, deadline_seconds=60))
    assert found.seen == "not served: gpt"
    assert "gateway:models" in found.fix


@pytest.mark.parametrize("pattern", ["openai/*", "bedrock/*", "*"])
def test_a_wildcard_passes_by_a_model_of_its_prefix_and_by_no_other(pattern: str) -> None:
    own = {"openai/*": "openai/gpt-4o", "bedrock/*": "bedrock/claude", "*": "anything"}[pattern]
    with serving(gateway(Answer(body={"data": [{"id": "smoke"}, {"id": own}]}))) as url:
        assert green(GatewayProvider, inputs_for("gateway-gate", url, models=["smoke", pattern]))
    with serving(gateway(Answer(body={"data": []}))) as url:
        found = red(GatewayProvider, inputs_for("gateway-gate", url, models=[pattern], deadline_seconds=60))
    assert found.seen == f"not served: {pattern}"


@pytest.mark.parametrize(
    ("models", "seen"),
    [
        (Answer(body={"models": []}), "unexpected JSON: {'models': []}"),
        (Answer(body={"data": ["smoke"]}), "unexpected JSON: {'data': ['smoke']}"),
        (Answer(200, "smoke"), "not a JSON object: 'smoke'"),
        (Answer(400, "No connected db."), "HTTP 400 No connected db."),
    ],
)
def test_a_gateway_that_answers_otherwise_is_named_with_what_it_said(models: Answer, seen: str) -> None:
    with serving(gateway(models)) as url:
        found = red(GatewayProvider, gateway_inputs(url))
    assert (found.probe, found.seen) == (f"GET {url}/v1/models", seen)
    assert "log of the gateway" in found.fix


def test_a_gateway_that_is_not_ready_is_named() -> None:
    with serving({**gateway(), "/health/readiness": Answer(503, "starting")}) as url:
        found = red(GatewayProvider, gateway_inputs(url))
    assert (found.probe, found.seen) == (f"GET {url}/health/readiness", "HTTP 503 starting")


@pytest.mark.parametrize("key", ["sk-canary\n", "sk-canary-ü"])
def test_a_key_that_http_cannot_carry_is_told_without_being_shown(key: str) -> None:
    with serving(gateway()) as url:
        found = red(GatewayProvider, gateway_inputs(url, master_key=key, deadline_seconds=60))
    assert found.seen == "the key cannot be sent"
    assert "line breaks" in found.fix


class Langfuse:
    """Takes traces over OTLP or from the smoke model, and gives back those it may."""

    def __init__(self, *, visible: bool = True, stored: Answer | None = None) -> None:
        self.visible, self.stored = visible, stored or Answer(body={})
        self.users: list[str] = []

    @property
    def routes(self) -> Routes:
        """What it answers."""
        completion = Answer(body={"choices": [{"message": {"content": "pong"}}]})
        return {
            "/api/public/otel/v1/traces": self._take_otlp,
            "/v1/chat/completions": lambda request: self._take_call(request, completion),
            "/api/public/traces": self._find,
        }

    def _take_otlp(self, request: Request) -> Answer:
        span = json.loads(request.body)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        attributes = {entry["key"]: entry["value"]["stringValue"] for entry in span["attributes"]}
        self.users.append(attributes["user.id"])
        assert len(span["traceId"]) == 32
        assert "$" not in request.body.decode()
        return self.stored

    def _take_call(self, request: Request, answer: Answer) -> Answer:
        self.users.append(json.loads(request.body)["metadata"]["trace_user_id"])
        return answer

    def _find(self, request: Request) -> Answer:
        known = [user for user in self.users if f"userId={user}&" in request.path]
        return Answer(body={"data": [{"id": f"trace-of-{user}"} for user in known] if self.visible else []})


PROOFS = [(TraceProvider, "langfuse-trace-gate"), (ProofProvider, "end-to-end-proof")]


@pytest.mark.parametrize(("provider", "name"), PROOFS)
def test_a_trace_that_comes_back_is_the_proof(provider: type[CheckProvider], name: str) -> None:
    langfuse = Langfuse()
    with serving(langfuse.routes) as url:
        evidence = green(provider, inputs_for(name, url))
    assert [evidence["trace_id"]] == [f"trace-of-{user}" for user in langfuse.users]


@pytest.mark.parametrize(("provider", "name"), PROOFS)
def test_every_proof_sends_a_trace_of_its_own(provider: type[CheckProvider], name: str) -> None:
    langfuse = Langfuse()
    with serving(langfuse.routes) as url:
        for _ in range(3):
            green(provider, inputs_for(name, url))
    assert len(set(langfuse.users)) == 3


@pytest.mark.parametrize(("provider", "name"), PROOFS)
def test_a_trace_that_never_shows_is_named_with_where_to_look(provider: type[CheckProvider], name: str) -> None:
    with serving(Langfuse(visible=False).routes) as url:
        found = red(provider, inputs_for(name, url))
    assert found.probe.startswith(f"GET {url}/api/public/traces?userId=smoke-")
    assert found.seen == "no trace"
    assert "langfuse-worker" in found.fix


def test_a_web_that_does_not_take_the_trace_is_named() -> None:
    with serving(Langfuse(stored=Answer(500, "Failed to upload JSON to S3")).routes) as url:
        found = red(TraceProvider, inputs_for("langfuse-trace-gate", url))
    assert found.probe == f"POST {url}/api/public/otel/v1/traces"
    assert found.seen == "HTTP 500 Failed to upload JSON to S3"


@pytest.mark.parametrize("body", [{"choices": []}, {"choices": [{}]}, {}])
def test_a_smoke_model_that_says_nothing_is_named(body: Any) -> None:
    with serving({**Langfuse().routes, "/v1/chat/completions": Answer(body=body)}) as url:
        found = red(ProofProvider, inputs_for("end-to-end-proof", url))
    assert found.probe == f"POST {url}/v1/chat/completions"
    assert found.seen.startswith("unexpected JSON")


@pytest.mark.parametrize("body", [{"data": [{}]}, {"data": ["trace"]}, {"data": {"id": "trace"}}])
def test_a_public_api_of_another_shape_is_a_finding(body: Any) -> None:
    with serving({**Langfuse().routes, "/api/public/traces": Answer(body=body)}) as url:
        found = red(TraceProvider, inputs_for("langfuse-trace-gate", url))
    assert found.seen.startswith("unexpected JSON")


def test_without_tracing_the_gateways_answer_is_proof_enough() -> None:
    langfuse = Langfuse(visible=False)
    with serving(langfuse.routes) as url:
        evidence = green(ProofProvider, inputs_for("end-to-end-proof", url, tracing=False))
    assert evidence == {"tracing": False, "answer": "pong"}


def test_without_tracing_a_gateway_that_does_not_answer_is_no_proof() -> None:
    with serving({**Langfuse().routes, "/v1/chat/completions": Answer(500, "broken")}) as url:
        found = red(ProofProvider, inputs_for("end-to-end-proof", url, tracing=False))
    assert found.seen == "HTTP 500 broken"


def test_the_proof_is_made_anew_when_tracing_is_switched() -> None:
    inputs = inputs_for("end-to-end-proof", "http://127.0.0.1:1")
    for olds, news in ((inputs, {**inputs, "tracing": False}), ({**inputs, "tracing": False}, inputs)):
        assert ProofProvider().diff("id", olds, news).changes


@pytest.mark.parametrize("tracing", [True, False])
def test_a_public_address_must_lead_to_the_gateway(*, tracing: bool) -> None:
    alive = "/health/liveliness"
    with serving({**Langfuse().routes, alive: Answer(body="I'm alive!")}) as url:
        green(ProofProvider, inputs_for("end-to-end-proof", url, tracing=tracing, public_gateway_url=url))
    with serving({**Langfuse().routes, alive: Answer(404, "no such page")}) as url:
        found = red(ProofProvider, inputs_for("end-to-end-proof", url, tracing=tracing, public_gateway_url=url))
    assert found.probe == f"GET {url}{alive}"
    assert "gateway:publicUrl" in found.fix
