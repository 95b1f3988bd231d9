"""What the worker makes of a job: objects from the bucket become rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from standin.keys import entity_prefix
from standin.trace.events import merged
from standin.trace.rows import event_row, file_log_row, now, observation_row, score_row, trace_row
from standin.trace.spans import observation_of, read_spans, trace_of

if TYPE_CHECKING:
    from bullmq import Job

    from standin.settings import WriteSettings
    from standin.stores.bucket import Bucket
    from standin.stores.clickhouse import ClickHouse
    from standin.trace.spans import Span
    from standin.worker.writer import ClickHouseWriter


@dataclass(frozen=True)
class Jobs:
    """The processors of both queues. A failed one is retried by the queue: 6 attempts, from 5 s on."""

    bucket: Bucket
    clickhouse: ClickHouse
    writer: ClickHouseWriter
    write: WriteSettings

    async def otel(self, job: Job, _token: str) -> None:
        """One OTLP request.

        Raises:
            BucketError: Its object cannot be read.
            ClickHouseStoreError: ClickHouse is away.
        """
        payload = job.data["payload"]
        project_id = payload["authCheck"]["scope"]["projectId"]
        key = payload["data"]["fileKey"]
        spans = read_spans(await self.bucket.get(key))
        await self.clickhouse.query("alive")
        if self.write.events_tables:
            for span in spans:
                self.writer.add("events_full", event_row(project_id, observation_of(span), trace_of(span), key))
        if self.write.legacy_tables:
            await self._legacy(project_id, spans)

    async def _legacy(self, project_id: str, spans: list[Span]) -> None:
        for span in spans:
            self.writer.add("observations", observation_row(project_id, observation_of(span)))
        traces: dict[str, list[dict[str, Any]]] = {}
        for span in spans:
            traces.setdefault(span.trace_id, []).append(trace_of(span))
        for trace_id, bodies in traces.items():
            event_id = str(uuid4())
            told = merged([{"timestamp": body["timestamp"], "body": body} for body in bodies])
            content = [{"id": event_id, "type": "trace-create", "timestamp": now(), "body": told}]
            prefix = entity_prefix(self.bucket.prefix, project_id, "trace", trace_id)
            key = f"{prefix}{event_id}.json"
            await self.bucket.put(key, content)
            await self._write_entity(project_id, "trace", prefix)
            self._log_file(project_id, ("trace", trace_id), key)

    async def ingestion(self, job: Job, _token: str) -> None:
        """One entity of the batch ingestion API, from all of its events so far.

        Raises:
            BucketError: One of its objects cannot be read.
            ClickHouseStoreError: ClickHouse is away.
        """
        payload = job.data["payload"]
        project_id, data = payload["authCheck"]["scope"]["projectId"], payload["data"]
        entity = {"trace-create": "trace", "score-create": "score"}.get(data["type"], "observation")
        prefix = data.get("bucketPrefix") or entity_prefix(self.bucket.prefix, project_id, entity, data["eventBodyId"])
        await self.clickhouse.query("alive")
        if entity_id := await self._write_entity(project_id, entity, prefix):
            self._log_file(project_id, (entity, entity_id), f"{prefix}{data['fileKey']}.json")

    async def _write_entity(self, project_id: str, entity: str, prefix: str) -> str | None:
        """Write an entity from all of its events so far; its id, as they have it."""
        contents = [event for content in await self.bucket.get_all(prefix) for event in content]
        if not contents:
            return None
        state = merged(contents)
        if entity == "score":
            self.writer.add("scores", score_row(project_id, state))
        elif entity == "trace":
            self.writer.add("traces", trace_row(project_id, state))
        else:
            self.writer.add("observations", observation_row(project_id, state))
            if self.write.events_tables:
                self.writer.add("events_full", event_row(project_id, state, {}))
        return str(state["id"])

    def _log_file(self, project_id: str, entity: tuple[str, str], key: str) -> None:
        event_id = key.rpartition("/")[2].removesuffix(".json")
        self.writer.add("blob_storage_file_log", file_log_row(project_id, entity, event_id, self.bucket.name, key))
