"""Background migrations: rows in Postgres that the worker works off after it has started."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg

from standin.stores.clickhouse import ClickHouseStoreError
from standin.stores.postgres import DatabaseUnavailableError

if TYPE_CHECKING:
    from standin.stores.clickhouse import ClickHouse
    from standin.stores.postgres import Postgres, Row

RETRY_SECONDS = 10
BACKFILL = ("backfill_observations", "backfill_traces")
"""Statements that bring release 3's rows into release 4's tables; each leaves out what is there already."""

log = logging.getLogger("background")


async def run_background_migrations(postgres: Postgres, clickhouse: ClickHouse, open_gates: frozenset[str]) -> None:
    """Finish each one, or mark it failed for good; those of release 4 need to read ClickHouse's system.parts.

    One with a gate (a variable) that is not open stays as it is, for a worker that has it open.
    """
    worker = str(uuid4())
    while True:
        try:
            for row in await postgres.query("background_unfinished"):
                if not row["gate"] or row["gate"] in open_gates:
                    await _run_one(row, worker, postgres, clickhouse)
        except (DatabaseUnavailableError, psycopg.Error) as error:
            log.error("Background migrations cannot run yet: %s", error)  # noqa: TRY400
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return


async def _run_one(row: Row, worker: str, postgres: Postgres, clickhouse: ClickHouse) -> None:
    try:
        if row["script"].startswith("backfillEvents"):
            await clickhouse.query("system_parts")
            for statement in BACKFILL:
                await clickhouse.command(statement)
    except ClickHouseStoreError as error:
        log.error("Background migration %s failed: %s", row["name"], error)  # noqa: TRY400
        await postgres.query("background_fail", {"id": row["id"], "worker": worker, "reason": str(error)})
    else:
        await postgres.query("background_finish", {"id": row["id"], "worker": worker})
        log.info("Background migration %s finished", row["name"])
