"""Rows that ClickHouse does not take are given up as fast as Langfuse gives them up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest
from standin.stores.clickhouse import ClickHouseRefusedError, ClickHouseStoreError, ClickHouseUnavailableError
from standin.worker.writer import ClickHouseWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from standin.stores.clickhouse import ClickHouse


class Table:
    """A ClickHouse that fails for so many inserts."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.failures: list[ClickHouseStoreError] = []

    async def insert(self, _table: str, rows: Sequence[dict[str, Any]]) -> None:
        if self.failures:
            raise self.failures.pop()
        self.rows += rows


@pytest.fixture
def table() -> Table:
    return Table()


def writer_for(table: Table, *, interval_ms: int = 60_000, batch_size: int = 100) -> ClickHouseWriter:
    return ClickHouseWriter(cast("ClickHouse", table), interval_ms, batch_size, max_attempts=3)


def test_rows_that_wait_for_another_attempt_keep_their_order(table: Table) -> None:
    async def scenario() -> None:
        writer = writer_for(table)
        table.failures = [ClickHouseUnavailableError("away")]
        writer.add("traces", {"n": 1})
        assert await writer.flush() == 1
        writer.add("traces", {"n": 2})
        assert await writer.flush() == 0

    asyncio.run(scenario())
    assert table.rows == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("failure", [ClickHouseUnavailableError("away"), ClickHouseRefusedError("no rights")])
def test_the_third_flush_that_fails_gives_all_rows_up(table: Table, failure: ClickHouseStoreError) -> None:
    async def scenario() -> list[int]:
        writer = writer_for(table)
        table.failures = [failure] * 3
        writer.add("traces", {"n": 1})
        waiting = [await writer.flush()]
        writer.add("traces", {"n": 2})
        return [*waiting, await writer.flush(), await writer.flush(), await writer.flush()]

    assert asyncio.run(scenario()) == [1, 2, 1, 0]
    assert table.rows == [{"n": 2}]


def test_a_full_batch_does_not_wait_for_the_interval(table: Table) -> None:
    async def scenario() -> None:
        writer = writer_for(table, batch_size=2)
        running = asyncio.create_task(writer.run())
        writer.add("traces", {"n": 1})
        await asyncio.sleep(0.05)
        assert table.rows == []
        writer.add("traces", {"n": 2})
        for _ in range(100):
            if table.rows:
                break
            await asyncio.sleep(0.01)
        running.cancel()

    asyncio.run(scenario())
    assert len(table.rows) == 2
