"""Follows one trace through the stack. Every function proves one hop, or says what it saw instead.

A trace is recognised by its user id, the one field that the gateway, the stored object, the ClickHouse row and the
public API of every release show alike.
"""

import secrets
import time
import uuid
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.base import CheckFailedError, brief

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from minio import Minio
    from redis import Redis

    from checks.clickhouse_login import Login

TIMEOUT_SECONDS = 10
OK = 200
SMOKE_MODEL = "smoke"
INGESTION_QUEUE = "otel-ingestion-queue"
BULL = "bull"
"""First part of the queue's keys, unless Langfuse is told another."""
QUEUE_STATES = ("wait", "active", "delayed", "paused", "prioritized")
OTLP_PATH = "/api/public/otel/v1/traces"
OTLP_TEMPLATE = Path(__file__).parent / "otlp_trace.json"
SEE_WEB_LOG = "see the log of the langfuse-web container"


def new_user_id() -> str:
    """A user id that no other trace has."""
    return f"smoke-{uuid.uuid4().hex}"


def request(method: str, url: str, fix: str, **arguments: Any) -> "httpx.Response":
    """One HTTP request with a time-out; any status is an answer.

    Raises:
        CheckFailedError: no answer.
    """
    import httpx

    probe = f"{method} {url}"
    try:
        return httpx.request(method, url, timeout=TIMEOUT_SECONDS, trust_env=False, **arguments)
    except (httpx.LocalProtocolError, UnicodeError):  # quotes the header, key and all
        raise CheckFailedError(
            probe,
            "the key cannot be sent",
            "set the key again, without line breaks or letters beyond ASCII",
            final=True,
        ) from None
    except httpx.HTTPError as error:
        raise CheckFailedError(probe, brief(error), fix) from None


def accepted(method: str, url: str, fix: str, **arguments: Any) -> "httpx.Response":
    """The 200 answer to a request.

    Raises:
        CheckFailedError: no answer, or another status.
    """
    answer = request(method, url, fix, **arguments)
    if answer.status_code != OK:
        said = answer.headers.get("location") or " ".join(answer.text.split())[:200]
        raise CheckFailedError(f"{method} {url}", f"HTTP {answer.status_code} {said}".strip(), fix)
    return answer


def answered(method: str, url: str, fix: str, **arguments: Any) -> dict[str, Any]:
    """The JSON object in the 200 answer to a request.

    Raises:
        CheckFailedError: no answer, another status, or a body that is not a JSON object.
    """
    answer = accepted(method, url, fix, **arguments)
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise CheckFailedError(f"{method} {url}", f"not a JSON object: {answer.text[:80]!r}", fix)
    return body


@contextmanager
def _expected(probe: str, body: Mapping[str, Any], fix: str) -> "Iterator[None]":
    """Takes an answer of another shape than expected for a finding."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError):
        raise CheckFailedError(probe, f"unexpected JSON: {str(body)[:80]}", fix) from None


@dataclass(frozen=True)
class Gateway:
    """The LiteLLM gateway at `url`."""

    url: str
    master_key: str

    FIX = "see the log of the gateway container"

    def ready(self) -> None:
        """It serves. Raises CheckFailedError if not."""
        accepted("GET", f"{self.url}/health/readiness", self.FIX)

    def refuses_strangers(self) -> None:
        """It wants its master key. Raises CheckFailedError if not."""
        url = f"{self.url}/v1/models"
        status = request("GET", url, self.FIX, headers={"Authorization": "Bearer sk-not-the-key"}).status_code
        if status == OK:
            raise CheckFailedError(f"GET {url} with a wrong key", "accepted", "set the master key", final=True)

    def models(self) -> list[str]:
        """Names of the models served. Raises CheckFailedError without an answer."""
        url = f"{self.url}/v1/models"
        body = answered("GET", url, self.FIX, headers=self._authorization)
        with _expected(f"GET {url}", body, self.FIX):
            return sorted(str(model["id"]) for model in body["data"])

    def call_smoke(self, user_id: str) -> str:
        """Answer of the smoke model to a call made as `user_id`. Raises CheckFailedError without one."""
        url = f"{self.url}/v1/chat/completions"
        body = answered(
            "POST",
            url,
            self.FIX,
            headers=self._authorization,
            json={
                "model": SMOKE_MODEL,
                "messages": [{"role": "user", "content": f"ping from {user_id}"}],
                "user": user_id,
                "metadata": {
                    "trace_user_id": user_id,
                    "trace_name": "langfuse-stack smoke",
                    "session_id": user_id,
                },
            },
        )
        with _expected(f"POST {url}", body, self.FIX):
            return str(body["choices"][0]["message"]["content"])

    @property
    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.master_key}"}


@dataclass(frozen=True)
class PublicApi:
    """Langfuse's public API at `url`, entered with the project's keys."""

    url: str
    public_key: str
    secret_key: str
    find_path: str
    """The release's path that finds traces by `{user_id}`."""

    def send_trace(self, user_id: str) -> None:
        """Send a trace of one span over OTLP. Raises CheckFailedError when it is not accepted."""
        started = time.time_ns()
        body = OTLP_TEMPLATE.read_text(encoding="utf-8")
        values = {
            "TRACE_ID": secrets.token_hex(16),
            "SPAN_ID": secrets.token_hex(8),
            "START": str(started),
            "END": str(started + 1_000_000),
            "USER_ID": user_id,
        }
        for name, value in values.items():
            body = body.replace(f"${name}", value)
        accepted(
            "POST",
            self.url + OTLP_PATH,
            SEE_WEB_LOG,
            auth=(self.public_key, self.secret_key),
            headers={"Content-Type": "application/json", "x-langfuse-ingestion-version": "4"},
            content=body,
        )

    def find_trace(self, user_id: str) -> str:
        """Id of the trace of `user_id`. Raises CheckFailedError while none is visible."""
        url = self.url + self.find_path.format(user_id=user_id)
        body = answered("GET", url, SEE_WEB_LOG, auth=(self.public_key, self.secret_key))
        if not body.get("data"):
            raise CheckFailedError(
                f"GET {url}",
                "no trace",
                "see the logs of the gateway (did it export?), langfuse-worker (did it consume?) and ClickHouse",
            )
        with _expected(f"GET {url}", body, SEE_WEB_LOG):
            first = body["data"][0]
            return str(first.get("traceId") or first["id"])

    def keys_accepted(self) -> None:
        """The project's keys are accepted. Raises CheckFailedError if not."""
        accepted("GET", f"{self.url}/api/public/projects", SEE_WEB_LOG, auth=(self.public_key, self.secret_key))


def stored_object(store: "Minio", bucket: str, project_id: str, user_id: str, since: datetime) -> str:
    """Key of the stored OTLP request that carries `user_id`.

    Raises:
        CheckFailedError: the store does not answer, or holds no such object written after `since` (UTC).
    """
    probe = f"LIST {bucket}/otel/{project_id}/… for objects of the trace"
    minutes = int((datetime.now(UTC) - since) / timedelta(minutes=1)) + 2
    try:
        for back in range(min(minutes, 15)):
            prefix = (since + timedelta(minutes=back)).strftime(f"otel/{project_id}/%Y/%m/%d/%H/%M/")
            for item in store.list_objects(bucket, prefix=prefix):
                answer = store.get_object(bucket, str(item.object_name))
                try:
                    if user_id.encode() in answer.read():
                        return str(item.object_name)
                finally:
                    answer.close()
    except Exception as error:
        raise CheckFailedError(probe, brief(error), "see the object store's log and the application key") from None
    raise CheckFailedError(
        probe,
        "none",
        "the gateway did not export or web did not store: see the logs of the gateway and of langfuse-web "
        "(`Failed to export spans`, `Failed to upload JSON to S3`)",
    )


def drained_queue(queue: "Redis", prefix: str = BULL) -> int:
    """0, once no job is waiting or running in the ingestion queue.

    Raises:
        CheckFailedError: Redis does not answer, or jobs are left.
    """
    probe = f"LLEN/ZCARD {prefix}:{INGESTION_QUEUE}:{{{','.join(QUEUE_STATES)}}}"
    try:
        left = {
            state: int(queue.zcard(key) if queue.type(key) == "zset" else queue.llen(key))
            for state in QUEUE_STATES
            for key in [f"{prefix}:{INGESTION_QUEUE}:{state}"]
        }
    except Exception as error:
        raise CheckFailedError(probe, brief(error), "see the Redis log and its password") from None
    if any(left.values()):
        seen = ", ".join(f"{state} {count}" for state, count in left.items() if count)
        raise CheckFailedError(probe, seen, "the worker does not consume: is langfuse-worker running? see its log")
    return 0


def clickhouse_rows(login: "Login", table: str, user_id: str) -> int:
    """Rows of the trace in ClickHouse.

    Raises:
        CheckFailedError: ClickHouse refuses or does not answer, or has no row yet.
    """
    query = "SELECT count() FROM {database:Identifier}.{table:Identifier} WHERE user_id = {user_id:String}"
    probe = f"rows of the trace in {login.database}.{table}"
    client = login.connect()
    try:
        parameters = {"database": login.database, "table": table, "user_id": user_id}
        count = int(client.query(query, parameters=parameters).result_rows[0][0])
    except Exception as error:
        raise CheckFailedError(probe, brief(error), "see ClickHouse's log") from None
    finally:
        client.close()
    if count == 0:
        raise CheckFailedError(
            probe,
            "0 rows",
            "the worker could not write: see the log of langfuse-worker for ClickHouse errors (codes 516, 241, 252)",
        )
    return count
