"""What the worker does when traces are to be deleted, in Langfuse's order: what comes before a refusal is done."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bullmq import Job

    from standin.settings import WriteSettings
    from standin.stores.bucket import Bucket
    from standin.stores.clickhouse import ClickHouse
    from standin.stores.postgres import Postgres

LEGACY, EVENTS = ("delete_traces", "delete_observations"), ("delete_events_full", "delete_events_core")


@dataclass(frozen=True)
class Deletions:
    """The processor of the queue. A failed job is tried once more, 30 s later, and then stays failed."""

    events: Bucket
    media: Bucket | None
    postgres: Postgres
    clickhouse: ClickHouse
    write: WriteSettings

    async def run(self, job: Job, _token: str) -> None:
        """Delete a job's traces, and all others that the project still waits for.

        Media come first, by themselves. Then, at once: raw events (a delete marker and a mark in the log of files) and
        rows. What ClickHouse refuses does not take the others back.

        Raises:
            BucketError: The store for media or events does not delete.
            ClickHouseStoreError: ClickHouse does not.
        """
        project, asked = job.data["payload"]["projectId"], job.data["payload"]["traceIds"]
        waiting = await self.postgres.query("deletions_open", {"project_id": project})
        traces = sorted({*asked, *(row["object_id"] for row in waiting)})
        await self._media(project, traces)
        tables = (*(LEGACY if self.write.legacy_tables else ()), "delete_scores")
        tables += EVENTS if self.write.events_tables else ()
        known = {"project_id": project, "traces": traces}
        outcomes = await asyncio.gather(
            self._raw_events(project, traces),
            *(self.clickhouse.command(name, known) for name in tables),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        await self.postgres.query("deletions_done", known)

    async def _media(self, project: str, traces: Sequence[str]) -> None:
        if self.media is None:
            return
        known = {"project_id": project, "traces": list(traces)}
        rows = await self.postgres.query("media_of_traces", known)
        if rows:
            await self.media.delete([row["bucket_path"] for row in rows])
        await self.postgres.query("media_unlink", {**known, "media": [row["id"] for row in rows]})

    async def _raw_events(self, project: str, traces: Sequence[str]) -> None:
        rows = await self.clickhouse.query("file_log_of_traces", {"project_id": project, "traces": list(traces)})
        paths = [row["bucket_path"] for row in rows]
        if paths:
            await self.events.delete(paths)
            await self.clickhouse.command("file_log_mark", {"project_id": project, "paths": paths})
