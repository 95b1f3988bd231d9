"""Buffers rows and writes them to ClickHouse about once a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from standin.stores.clickhouse import ClickHouseRefusedError, ClickHouseUnavailableError

if TYPE_CHECKING:
    from standin.stores.clickhouse import ClickHouse

Row = dict[str, Any]
MAX_ATTEMPTS = 3

log = logging.getLogger("writer")


@dataclass
class _Waiting:
    row: Row
    refusals: int = 0


class ClickHouseWriter:
    """Rows wait here for the next flush; what ClickHouse does not take is tried again at the one after.

    As in Langfuse, a job is done once its rows wait here: killing the worker hard loses them from ClickHouse,
    while their objects stay in the bucket. A row that ClickHouse refuses by itself is given up after three times.
    """

    def __init__(self, clickhouse: ClickHouse, interval_ms: int, batch_size: int) -> None:
        self._clickhouse = clickhouse
        self._interval_seconds = interval_ms / 1000
        self._batch_size = batch_size
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
        """Write what waits.

        Returns:
            How many rows still wait because ClickHouse did not take them.
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
        except ClickHouseUnavailableError as error:
            log.error("%s rows for %s wait on: %s", len(rows), table, error)  # noqa: TRY400
            return rows
        except ClickHouseRefusedError as error:
            if len(rows) == 1:
                return self._refused(table, rows[0], error)
            return [left for waiting in rows for left in await self._write(table, [waiting])]
        return []

    def _refused(self, table: str, waiting: _Waiting, error: ClickHouseRefusedError) -> list[_Waiting]:
        waiting.refusals += 1
        if waiting.refusals < MAX_ATTEMPTS:
            return [waiting]
        log.error("A row for %s is given up, its object stays in the bucket: %s", table, error)
        return []
