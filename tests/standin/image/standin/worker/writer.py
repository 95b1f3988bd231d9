"""Buffers rows and writes them to ClickHouse about once a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from standin.stores.clickhouse import ClickHouseStoreError

if TYPE_CHECKING:
    from standin.stores.clickhouse import ClickHouse

Row = dict[str, Any]

log = logging.getLogger("writer")


@dataclass(frozen=True)
class _Waiting:
    row: Row
    attempts: int = 1


class ClickHouseWriter:
    """Rows wait in memory for the next flush, and are given up when so many flushes in a row did not take them.

    As in Langfuse, a job is done once its rows wait here: killing the worker hard loses them from ClickHouse, and so
    does a ClickHouse that refuses or is away for as long as the attempts take. Their objects stay in the bucket, and
    nobody tries them again.
    """

    def __init__(self, clickhouse: ClickHouse, interval_ms: int, batch_size: int, max_attempts: int) -> None:
        self._clickhouse = clickhouse
        self._interval_seconds = interval_ms / 1000
        self._batch_size = batch_size
        self._max_attempts = max_attempts
        self._waiting: dict[str, list[_Waiting]] = defaultdict(list)
        self._full = asyncio.Event()
        self._flushing = asyncio.Lock()

    def add(self, table: str, row: Row) -> None:
        """Let one row wait for the next flush."""
        self._waiting[table].append(_Waiting(row))
        if len(self._waiting[table]) >= self._batch_size:
            self._full.set()

    async def run(self) -> None:
        """Flush for ever: every interval, and as soon as a batch is full."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), self._interval_seconds)
            self._full.clear()
            await self.flush()

    async def flush(self) -> int:
        """Write what waits, all rows of a table together.

        Returns:
            How many rows wait for another attempt.
        """
        async with self._flushing:
            for table in list(self._waiting):
                rows = self._waiting.pop(table)
                left = await self._write(table, rows)
                if left:
                    self._waiting[table] = left + self._waiting[table]
        return sum(len(rows) for rows in self._waiting.values())

    async def _write(self, table: str, rows: list[_Waiting]) -> list[_Waiting]:
        try:
            await self._clickhouse.insert(table, [waiting.row for waiting in rows])
        except ClickHouseStoreError as error:
            log.error("ClickHouse query failed with non-retryable error: %s", error)  # noqa: TRY400
            left = [replace(row, attempts=row.attempts + 1) for row in rows if row.attempts < self._max_attempts]
            if len(left) < len(rows):
                dropped = len(rows) - len(left)
                log.error("ClickhouseWriter: Max attempts reached, dropped %s %s record(s)", dropped, table)  # noqa: TRY400
            return left
        return []
