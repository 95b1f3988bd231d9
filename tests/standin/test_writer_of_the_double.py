"""Rows wait until ClickHouse takes them, and one bad row does not hold up the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest
from standin.stores.clickhouse import ClickHouseRefusedError, ClickHouseUnavailableError
from standin.worker.writer import ClickHouseWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from standin.stores.clickhouse import ClickHouse


class Table:
    """A ClickHouse that can be away, and that refuses rows marked as bad."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.away = False

    async def insert(self, _table: str, rows: Sequence[dict[str, Any]]) -> None:
        if self.away:
            raise ClickHouseUnavailableError("away")
        if any(row.get("bad") for row in rows):
            raise ClickHouseRefusedError("Code: 6. Cannot parse")
        self.rows += rows


@pytest.fixture
def table() -> Table:
    return Table()


def writer_for(table: Table, *, interval_ms: int = 60_000, batch_size: int = 100) -> ClickHouseWriter:
    return ClickHouseWriter(cast("ClickHouse", table), interval_ms, batch_size)


def test_rows_wait_while_clickhouse_is_away_and_keep_their_order(table: Table) -> None:
    async def scenario() -> None:
        writer = writer_for(table)
        table.away = True
        writer.add("traces", {"n": 1})
        assert await writer.flush() == 1
        writer.add("traces", {"n": 2})
        for _ in range(5):
            assert await writer.flush() == 2
        table.away = False
        assert await writer.flush() == 0

    asyncio.run(scenario())
    assert table.rows == [{"n": 1}, {"n": 2}]


def test_a_bad_row_is_given_up_after_three_times_and_the_others_are_written_at_once(table: Table) -> None:
    async def scenario() -> list[int]:
        writer = writer_for(table)
        for row in ({"n": 1}, {"n": 2, "bad": True}, {"n": 3}):
            writer.add("traces", row)
        first = await writer.flush()
        assert table.rows == [{"n": 1}, {"n": 3}]
        return [first, await writer.flush(), await writer.flush()]

    assert asyncio.run(scenario()) == [1, 1, 0]
    assert len(table.rows) == 2


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
