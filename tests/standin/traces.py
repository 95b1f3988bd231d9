"""OTLP requests as a gateway sends them."""

from __future__ import annotations

import base64
import copy
import gzip
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.standin.docker_cli import eventually

if TYPE_CHECKING:
    import httpx

    from tests.standin.doubles import Double


def attribute(key: str, value: str | int) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}}


@dataclass(frozen=True)
class Trace:
    """One call of a model: a generation and the span below it."""

    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))
    generation_id: str = field(default_factory=lambda: secrets.token_hex(8))
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    session_id: str = field(default_factory=lambda: f"session-{secrets.token_hex(4)}")

    def json(self) -> dict[str, Any]:
        start = time.time_ns()
        generation = {
            "traceId": self.trace_id,
            "spanId": self.generation_id,
            "name": "litellm_request",
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 2_000_000_000),
            "attributes": [
                attribute("langfuse.trace.name", "smoke"),
                attribute("session.id", self.session_id),
                attribute("user.id", "user-1"),
                attribute("langfuse.trace.tags", '["first", "second"]'),
                attribute("llm.response.model", "smoke-model"),
                attribute("llm.token_count.prompt", 10),
                attribute("llm.token_count.completion", 20),
                attribute("llm.token_count.total", 30),
                attribute("input.value", '[{"role": "user", "content": "ping"}]'),
                attribute("output.value", '{"role": "assistant", "content": "pong"}'),
            ],
        }
        span = {
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "parentSpanId": self.generation_id,
            "name": "raw_gen_ai_request",
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 1_000_000_000),
            "status": {"code": 2, "message": "refused"},
        }
        scope = {"scopeSpans": [{"spans": [generation, span]}]}
        return {"resourceSpans": [{"resource": {"attributes": [attribute("service.name", "gateway")]}, **scope}]}

    def protobuf(self) -> bytes:
        from google.protobuf.json_format import ParseDict
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        content = copy.deepcopy(self.json())
        for span in content["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            for name in {"traceId", "spanId", "parentSpanId"} & set(span):
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
        request = ExportTraceServiceRequest()
        ParseDict(content, request)
        content_bytes: bytes = request.SerializeToString()
        return content_bytes

    def send(self, double: Double, *, timeout: float = 20) -> httpx.Response:
        with double.client(timeout=timeout) as client:
            return client.post("/api/public/otel/v1/traces", json=self.json())

    def send_protobuf(self, double: Double) -> httpx.Response:
        headers = {
            "content-type": "application/x-protobuf",
            "content-encoding": "gzip",
            "x-langfuse-ingestion-version": "4",
        }
        return double.post("/api/public/otel/v1/traces", content=gzip.compress(self.protobuf()), headers=headers)

    def read(self, double: Double, *, seconds: float = 30) -> dict[str, Any]:
        """The trace by release 3's API, complete."""

        def probe() -> dict[str, Any]:
            answer = double.get(f"/api/public/traces/{self.trace_id}")
            return answer.json() if answer.status_code == 200 else {}

        return eventually(probe, seconds=seconds, accept=lambda trace: len(trace.get("observations", [])) == 2)

    def observations(self, double: Double, *, seconds: float = 30) -> list[dict[str, Any]]:
        """The trace's observations by release 4's API."""
        path = f"/api/public/v2/observations?traceId={self.trace_id}&fields=core,basic,io&limit=10"
        found: list[dict[str, Any]] = eventually(lambda: double.get(path).json()["data"], seconds=seconds)
        return found
