"""Follows one trace through the stack. Every function proves one hop, or says what it saw instead.

A trace is recognised by its id, which its sender chooses. Its user id holds the same id, since a trace can be found by
its user in every release.
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

from checks.base import CheckFailedError, first_line
from checks.trust import VARIABLE, way_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from minio import Minio
    from redis import Redis

    from checks.clickhouse_login import Login

TIMEOUT_SECONDS = 10
OK = 200
SMOKE_MODEL = "smoke"
BULL = "bull"
"""First part of the queue's keys, unless Langfuse is told another."""
INGESTION_QUEUES = ("otel-ingestion-queue", "ingestion-queue", "secondary-ingestion-queue")
"""A queue that is split has further parts, `<name>-1` and so on."""
SHARDS = 64
"""Parts that are looked for: more than anybody has."""
MAX_OBJECTS = 300
"""Stored requests that are read before it is left open whether one of them holds the trace."""
MAX_MINUTES = 15
CLOCK_SECONDS = 2
"""By which clocks of two services may differ."""
USER = "smoke-"
SQL = Path(__file__).parent / "sql"
OTLP_PATH = "/api/public/otel/v1/traces"
OTLP_TEMPLATE = Path(__file__).parent / "otlp_trace.json"
SEE_WEB_LOG = "see the log of the langfuse-web container"


def new_user_id() -> str:
    """A user id that no other trace has."""
    return f"{USER}{uuid.uuid4().hex}"


def trace_id_of(user_id: str) -> str:
    """The id of the trace that is sent as this user."""
    return user_id.removeprefix(USER)


def request(method: str, url: str, fix: str, **arguments: Any) -> "httpx.Response":
    """One HTTP request with a time-out; any status is an answer.

    Raises:
        CheckFailedError: no answer.
    """
    import httpx

    probe = f"{method} {url}"
    try:
        return httpx.request(method, url, timeout=TIMEOUT_SECONDS, **way_out(url), **arguments)
    except OSError as error:
        raise CheckFailedError(
            probe,
            f"{VARIABLE}: {first_line(error)}",
            f"set {VARIABLE} to a file of certificates, or unset it",
            final=True,
        ) from None
    except (httpx.LocalProtocolError, UnicodeError):  # quotes the header, key and all
        raise CheckFailedError(
            probe,
            "the key cannot be sent",
            "set the key again, without line breaks or letters beyond ASCII",
            final=True,
        ) from None
    except httpx.HTTPError as error:
        raise CheckFailedError(probe, first_line(error), fix) from None


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

    def has_database(self) -> None:
        """Its database is connected. Raises CheckFailedError if not."""
        url = f"{self.url}/health/readiness"
        found = str(answered("GET", url, self.FIX).get("db"))
        if found.lower() != "connected":
            raise CheckFailedError(f"GET {url}", f"db: {found}", "virtual keys need it: see the gateway's log")

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
            headers={**self._authorization, "traceparent": f"00-{trace_id_of(user_id)}-{secrets.token_hex(8)}-01"},
            json={
                "model": SMOKE_MODEL,
                "messages": [{"role": "user", "content": f"ping from {user_id}"}],
                "user": user_id,
                "metadata": {
                    "trace_user_id": user_id,
                    "trace_name": "langfuse-stack smoke",
                    "session_id": user_id,
                    # What gives the trace its id in the callback that knows no traceparent.
                    "trace_id": trace_id_of(user_id),
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
            "TRACE_ID": trace_id_of(user_id),
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

    def read_trace(self, path: str, trace_id: str) -> None:
        """The trace is readable at the release's `path`. Raises CheckFailedError while it is not."""
        url = self.url + path.format(trace_id=trace_id)
        body = answered("GET", url, SEE_WEB_LOG, auth=(self.public_key, self.secret_key))
        if "data" in body and not body["data"]:
            raise CheckFailedError(f"GET {url}", "no trace", SEE_WEB_LOG)

    def keys_accepted(self) -> None:
        """The project's keys are accepted. Raises CheckFailedError if not."""
        accepted("GET", f"{self.url}/api/public/projects", SEE_WEB_LOG, auth=(self.public_key, self.secret_key))


@dataclass(frozen=True)
class Rows:
    """Rows of a trace in ClickHouse."""

    count: int
    key: str
    """Of its stored request, where the release keeps that beside the row."""


def clickhouse_rows(login: "Login", table: str, project_id: str, trace_id: str) -> Rows:
    """Rows of the trace in the release's table, `traces` or `events_full`.

    Raises:
        CheckFailedError: ClickHouse refuses or does not answer, or has no row yet.
    """
    probe = f"rows of the trace in {login.database}.{table}"
    client = login.connect()
    try:
        query = (SQL / ("trace_rows.sql" if table == "traces" else "trace_events.sql")).read_text(encoding="utf-8")
        parameters = {"database": login.database, "project": project_id, "trace": trace_id}
        [(count, key)] = client.query(query, parameters=parameters).result_rows
    except Exception as error:
        raise CheckFailedError(probe, first_line(error), "see ClickHouse's log") from None
    finally:
        client.close()
    if count == 0:
        raise CheckFailedError(
            probe,
            "0 rows",
            "the worker could not write: see the log of langfuse-worker for ClickHouse errors (codes 516, 241, 252)",
        )
    return Rows(int(count), str(key))


def stored_object(
    store: "Minio", bucket: str, project_id: str, trace_id: str, key: str = "", *, prefix: str = ""
) -> str:
    """Key of the one stored object that holds the trace; it is read.

    Args:
        store: the object store.
        bucket: of raw events.
        project_id: whose trace it is.
        trace_id: of the trace.
        key: of its stored request, where that is known; else it is under the trace's own prefix.
        prefix: of all keys of the stack, in a bucket that it shares.

    Raises:
        CheckFailedError: the store does not answer, or has no such object.
    """
    folder = f"{prefix}{project_id}/trace/{trace_id}/"
    with _refusals(f"GET {bucket}/{key or folder}"):
        found = key or next((str(item.object_name) for item in store.list_objects(bucket, prefix=folder)), "")
        if found and _holds(store, bucket, found, trace_id):
            return found
    raise CheckFailedError(f"GET {bucket}/{key or folder}", "none", f"web did not store it: {SEE_WEB_LOG}")


def exported_object(
    store: "Minio", bucket: str, project_id: str, trace_id: str, since: datetime, *, prefix: str = ""
) -> str | None:
    """Key of the stored OTLP request that holds the trace, for when its rows do not come; None if there are too many.

    Raises:
        CheckFailedError: the store does not answer, or has no such request that was written after `since` (UTC).
    """
    folder = f"{prefix}otel/{project_id}"
    probe = f"LIST {bucket}/{folder}/… for requests of the trace"
    with _refusals(probe):
        for number, key in enumerate(_requests(store, bucket, folder, since)):
            if number == MAX_OBJECTS:
                return None
            if _holds(store, bucket, key, trace_id):
                return key
    raise CheckFailedError(
        probe,
        "none",
        "the gateway did not export or web did not store: see the logs of the gateway and of langfuse-web "
        "(`Failed to export spans`, `Failed to upload JSON to S3`)",
    )


def _requests(store: "Minio", bucket: str, folder: str, since: datetime) -> "Iterator[str]":
    minutes = int((datetime.now(UTC) - since) / timedelta(minutes=1)) + 2
    for back in range(min(minutes, MAX_MINUTES)):
        prefix = (since + timedelta(minutes=back)).strftime(f"{folder}/%Y/%m/%d/%H/%M/")
        for item in store.list_objects(bucket, prefix=prefix):
            if item.last_modified and item.last_modified >= since - timedelta(seconds=CLOCK_SECONDS):
                yield str(item.object_name)


def _holds(store: "Minio", bucket: str, key: str, trace_id: str) -> bool:
    answer = store.get_object(bucket, key)
    try:
        return trace_id.encode() in answer.read()
    finally:
        answer.close()
        answer.release_conn()


@contextmanager
def _refusals(probe: str) -> "Iterator[None]":
    try:
        yield
    except Exception as error:
        raise CheckFailedError(probe, first_line(error), "see the object store's log and the application key") from None


def taken_jobs(queue: "Redis", prefix: str, since: datetime) -> None:
    """No job waits for about as long as the trace is on its way: the workers have taken the trace's own.

    Others may wait, in any number: a queue under traffic is never empty.

    Raises:
        CheckFailedError: Redis does not answer, or such a job waits.
    """
    probe = f"oldest job of {prefix}:{{{','.join(INGESTION_QUEUES)}}}:wait"
    try:
        found = [
            (waits, name)
            for name in (f"{name}-{part}" if part else name for name in INGESTION_QUEUES for part in range(SHARDS))
            if (waits := _waits(queue, f"{prefix}:{name}")) is not None
        ]
    except Exception as error:
        raise CheckFailedError(probe, first_line(error), "see the Redis log and its password") from None
    longest, name = max(found, default=(timedelta(), ""))
    if longest > (datetime.now(UTC) - since) / 2:
        raise CheckFailedError(
            probe,
            f"a job of {name} waits for {longest.total_seconds():.0f} s",
            "the worker does not consume, or too slowly: is langfuse-worker running? see its log and `make capacity`",
        )


def _waits(queue: Any, key: str) -> timedelta | None:
    """For how long a queue's oldest job waits; None when none does."""
    oldest = queue.lindex(f"{key}:wait", -1) or queue.lindex(f"{key}:paused", -1)
    written = queue.hget(f"{key}:{oldest}", "timestamp") if oldest else None
    return datetime.now(UTC) - datetime.fromtimestamp(int(written) / 1000, UTC) if written else None
