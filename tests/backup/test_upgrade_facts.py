"""What the planner reads of real stores, and what it counts before and after a step."""

from types import SimpleNamespace
from typing import Any

import pytest

from ops.upgrade.holdings import holdings, losses
from ops.upgrade.look import _background, _clickhouse_ledger, _postgres_ledger
from ops.upgrade.state import Background, ClickHouseLedger
from tests.backup.servers import World

pytestmark = pytest.mark.docker


def test_ledgers_and_background_migrations_are_read_as_they_are(filled: World) -> None:
    eyes: Any = SimpleNamespace(stores=filled.access)
    assert _clickhouse_ledger(eyes) == ClickHouseLedger(37)
    assert _background(eyes) == ()
    filled.database.langfuse(
        "ALTER TABLE langfuse._prisma_migrations ADD COLUMN IF NOT EXISTS migration_name text",
        "UPDATE langfuse._prisma_migrations SET migration_name = id",
        "INSERT INTO langfuse._prisma_migrations (id, migration_name) VALUES ('cut', 'cut')",
        "CREATE TABLE langfuse.background_migrations"
        " (name text, args jsonb, finished_at timestamptz, failed_at timestamptz, failed_reason text)",
        "INSERT INTO langfuse.background_migrations VALUES ('a', '{{}}', now(), NULL, NULL),"
        """ ('b', '{{"envGate": "SOME_GATE"}}', NULL, NULL, NULL), ('c', '{{}}', NULL, now(), 'too large')""",
    )
    ledger = _postgres_ledger(eyes)
    assert (ledger.finished, ledger.newest, ledger.unfinished) == (424, "m99", ("cut",))
    assert _background(eyes) == (
        Background("a", "finished"),
        Background("b", "unfinished", "SOME_GATE"),
        Background("c", "failed", reason="too large"),
    )


def test_a_ledger_that_was_left_dirty_is_seen(own: World) -> None:
    database = own.access.database
    own.run(
        f"CREATE TABLE {database}.schema_migrations (version Int64, dirty UInt8, sequence UInt64) "
        "ENGINE = MergeTree ORDER BY sequence",
        f"INSERT INTO {database}.schema_migrations VALUES (38, 0, 1), (39, 1, 2)",
    )
    eyes: Any = SimpleNamespace(stores=own.access)
    assert _clickhouse_ledger(eyes) == ClickHouseLedger(39, dirty=True)


def test_versions_of_a_row_count_once_and_a_row_that_is_gone_is_missed(own: World) -> None:
    database = own.access.database
    before = holdings(own.access, "p", "events_only")
    assert (before.clickhouse, before.traces) == ({"empty": 0, "traces": 20000}, ())
    assert before.postgres["projects"] == 5000
    own.run(f"INSERT INTO {database}.traces SELECT number, 'newer' FROM numbers(100)")
    assert losses(before, holdings(own.access, "p", "events_only")) == []
    own.run(f"DELETE FROM {database}.traces WHERE id < 10")
    assert losses(before, holdings(own.access, "p", "events_only")) == ["ClickHouse traces: 19,990 rows of 20,000"]
