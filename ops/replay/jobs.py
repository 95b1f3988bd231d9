"""Jobs as Langfuse's own replay makes them, put into its queues by BullMQ's own client."""

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import uuid4

from checks import redis
from ops.backup.errors import told
from ops.capacity.queues import Failures, Server, failures, queues
from ops.replay.raw import OTLP, RawEvent
from ops.session import OpsError

T = TypeVar("T")
OTEL_QUEUE, EVENT_QUEUE = "otel-ingestion-queue", "secondary-ingestion-queue"
"""Where Langfuse's own replay puts jobs; the second one, so that new events need not wait behind them."""
JOB_NAMES = {OTEL_QUEUE: "otel-ingestion-job", EVENT_QUEUE: "ingestion-job"}
ATTEMPTS = {OTEL_QUEUE: 6, EVENT_QUEUE: 5}
KEPT_FAILED, BACKOFF_MS = 100_000, 5000
UNKNOWN_SDK = "unknown"
MAX_WAITING = 5000
"""Jobs that may wait in a queue before more are added: Redis keeps them in memory."""
PATIENCE_SECONDS = 300
POLL_SECONDS = 1
PAGE = 500


def failed_jobs(of: Server) -> list[Failures]:
    """Queues with jobs that nobody tries again: Langfuse itself retries what is to be deleted, and that alone.

    Raises:
        OpsError: Redis does not answer.
    """
    with told("look at Langfuse's queues"):
        return failures(of)


def waiting(of: Server) -> int:
    """Jobs of raw events that are still to be worked on.

    Raises:
        OpsError: Redis does not answer.
    """
    with told("look at Langfuse's queues"):
        found = [queue for queue in queues(of) if "ingestion" in queue.name]
    return sum(queue.waiting + queue.active + queue.delayed for queue in found)


class Producer:
    """Puts jobs into queues.

    Args:
        server: of the queues.
        patience: seconds for which a full queue may not get shorter.
    """

    def __init__(self, server: Server, patience: float = PATIENCE_SECONDS) -> None:
        self._server, self._patience = server, patience
        self._runner = asyncio.Runner()
        self._queues: dict[str, Any] = {}

    def close(self) -> None:
        """Give the connections back."""
        with self._runner:
            for queue in self._queues.values():
                with suppress(Exception):
                    self._runner.run(queue.close())

    def put(self, events: Sequence[RawEvent]) -> None:
        """Add a job for each raw event; one that waits already stays the only one.

        Raises:
            OpsError: Redis does not answer, or the workers take nothing.
        """
        with told("put jobs into the queue"):
            for name, of_otlp in ((OTEL_QUEUE, True), (EVENT_QUEUE, False)):
                jobs = [job(name, event) for event in events if (event.kind == OTLP) is of_otlp]
                if jobs:
                    self._wait_for_room(name)
                    self._run(self._queue(name).addBulk(jobs))

    def retry(self, queue: str) -> int:
        """Let every job of a queue that has failed until now be tried again, with all its attempts; how many."""
        with told(f"retry jobs of {queue}"):
            return self._run(_retried(self._queue(queue), time.time() * 1000))

    def _wait_for_room(self, name: str) -> None:
        queue = self._queue(name)
        key, fewest, since = queue.toKey("wait"), None, time.monotonic()
        while (depth := int(self._run(queue.client.llen(key)))) > MAX_WAITING:
            if fewest is None or depth < fewest:
                fewest, since = depth, time.monotonic()
            if time.monotonic() - since > self._patience:
                raise OpsError(
                    f"{depth} jobs wait in {name}, and none was taken for {self._patience:.0f} s: see `make status`; "
                    "the same command goes on from here"
                )
            time.sleep(POLL_SECONDS)

    def _queue(self, name: str) -> Any:
        from bullmq import Queue as BullQueue

        if name not in self._queues:
            options = {"connection": self._run(_connected(self._server)), "prefix": self._server.prefix}
            self._queues[name] = BullQueue(name, options)
        return self._queues[name]

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)


async def _connected(server: Server) -> Any:
    from redis.asyncio import Redis

    known = redis.arguments(server.address, server.password, user=server.user, tls=server.tls, database=server.database)
    return Redis(**known)


async def _retried(queue: Any, until: float) -> int:
    """Jobs that failed until then, each moved to those that wait."""
    from bullmq import Job

    key, retried, without_content = queue.toKey("failed"), 0, 0
    while ids := await queue.client.zrangebyscore(key, 0, until, start=without_content, num=PAGE):
        for id_ in ids:
            job = await Job.fromId(queue, id_)
            if job is None:
                without_content += 1
                continue
            await job.retry("failed", {"resetAttemptsMade": True})
            retried += 1
    return retried


def job(queue: str, event: RawEvent) -> Mapping[str, Any]:
    """A job as Langfuse's `POST /api/admin/ingestion-replay` makes it, with an id that the raw event gives it."""
    scope: dict[str, Any] = {"projectId": event.project}
    payload: dict[str, Any]
    if queue == OTEL_QUEUE:
        scope["accessLevel"] = "project"
        payload = {
            "data": {"fileKey": event.key, "publicKey": ""},
            "sdkName": UNKNOWN_SDK,
            "sdkVersion": UNKNOWN_SDK,
        }
    else:
        payload = {
            "data": {
                "type": f"{event.kind}-create",
                "eventBodyId": event.id,
                "fileKey": event.name,
                "bucketPrefix": event.folder,
                "ingestionApiKey": "",
                "ingestionSdkName": UNKNOWN_SDK,
                "ingestionSdkVersion": UNKNOWN_SDK,
            }
        }
    return {
        "name": JOB_NAMES[queue],
        "data": {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "id": str(uuid4()),
            "payload": {**payload, "authCheck": {"validKey": True, "scope": scope}},
            "name": JOB_NAMES[queue],
        },
        "opts": {
            "jobId": f"replay-{sha256(event.key.encode()).hexdigest()[:32]}",
            "attempts": ATTEMPTS[queue],
            "backoff": {"type": "exponential", "delay": BACKOFF_MS},
            "removeOnComplete": True,
            "removeOnFail": KEPT_FAILED,
        },
    }
