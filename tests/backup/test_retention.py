"""What a retention would take away is counted exactly on real servers, equals what a TTL takes, and nothing goes."""

import io
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex

import pytest

from ops.backup import clickhouse as server
from ops.retention import buckets, clickhouse
from ops.retention.clickhouse import Month, Table
from ops.retention.plan import plan
from tests.backup.servers import World

pytestmark = pytest.mark.docker

TABLE = (
    "CREATE TABLE {}.{} (id UInt64, {} DateTime64(3), text String) ENGINE = ReplacingMergeTree "
    "PARTITION BY toYYYYMM({}) ORDER BY id"
)
MARCH = datetime(2026, 3, 16, tzinfo=UTC)


@pytest.fixture
def aged(world: World) -> World:
    """A database with 1,000 traces a day from January to March, a table of another kind, and one without rows."""
    name = f"aged_{token_hex(4)}"
    world.run(
        f"CREATE DATABASE {name}",
        TABLE.format(name, "traces", "timestamp", "timestamp"),
        TABLE.format(name, "observations", "start_time", "start_time"),
        f"CREATE TABLE {name}.schema_migrations (version Int64, timestamp DateTime64(3)) "
        "ENGINE = MergeTree ORDER BY version",
        f"INSERT INTO {name}.traces SELECT number, "
        "toDateTime64('2026-01-01 12:00:00', 3, 'UTC') + toIntervalDay(intDiv(number, 1000)), randomPrintableASCII(50) "
        "FROM numbers(90000)",
        f"OPTIMIZE TABLE {name}.traces FINAL",
        f"INSERT INTO {name}.schema_migrations VALUES (37, '2020-01-01')",
    )
    login = replace(world.access.clickhouse.login, database=name)
    return replace(world, access=replace(world.access, clickhouse=server.Server(login)))


def sizes(world: World) -> dict[str, int]:
    """Bytes of each month's partition of the traces."""
    database = world.access.database
    where = f"WHERE active AND database = '{database}' AND table = 'traces' GROUP BY partition ORDER BY partition"
    names = world.query(f"SELECT partition FROM system.parts {where}")
    return dict(zip(names, world.query(f"SELECT sum(bytes_on_disk) FROM system.parts {where}"), strict=True))


def test_rows_and_bytes_of_whole_months_are_exact_and_a_month_cut_in_two_gives_its_share(aged: World) -> None:
    traces = {table.name: table for table in plan(aged.access, 10, now=MARCH).tables}["traces"]
    size = sizes(aged)
    assert traces.months == [
        Month("2026-01", 31_000, size["202601"], whole=True),
        Month("2026-02", 28_000, size["202602"], whole=True),
        Month("2026-03", 5_000, round(size["202603"] * 5 / 31), whole=False),
    ]
    assert (traces.all_rows, traces.all_size) == (90_000, sum(size.values()))


@pytest.mark.parametrize(
    ("days", "rows"),
    [(0, 74_000), (1, 73_000), (15, 59_000), (44, 30_000), (74, 0), (9999, 0)],
)
def test_what_is_kept_for_so_many_days_is_counted_from_the_moment_on(aged: World, days: int, rows: int) -> None:
    assert plan(aged.access, days, now=MARCH).rows == rows


def test_only_tables_of_events_are_counted_and_one_without_rows_counts_none(aged: World) -> None:
    tables = plan(aged.access, 1, now=MARCH).tables
    assert [table.name for table in tables] == ["observations", "traces"]
    assert tables[0] == Table("observations", "start_time", [], 0, 0)


def test_a_table_in_one_partition_is_counted_by_month_too(aged: World) -> None:
    database = aged.access.database
    aged.run(
        f"CREATE TABLE {database}.scores (id UInt64, timestamp DateTime64(3)) ENGINE = MergeTree ORDER BY id",
        f"INSERT INTO {database}.scores SELECT id, timestamp FROM {database}.traces",
        f"OPTIMIZE TABLE {database}.scores FINAL",
    )
    scores = {table.name: table for table in plan(aged.access, 15, now=MARCH).tables}["scores"]
    assert [(month.month, month.rows, month.whole) for month in scores.months] == [
        ("2026-01", 31_000, False),
        ("2026-02", 28_000, False),
    ]
    assert scores.size == pytest.approx(scores.all_size * 59 / 90, abs=2)
    everything = {table.name: table for table in plan(aged.access, 0, now=MARCH + timedelta(days=99)).tables}["scores"]
    assert all(month.whole for month in everything.months)


def test_a_ttl_of_the_rule_on_a_copy_takes_exactly_the_rows_that_were_counted(aged: World) -> None:
    database = aged.access.database
    days = (datetime.now(UTC) - datetime(2026, 2, 10, tzinfo=UTC)).days
    found = plan(aged.access, days)
    [traces] = [table for table in found.tables if table.name == "traces"]
    assert 0 < traces.rows < traces.all_rows
    copied = replace(traces, name="copied")
    aged.run(
        f"CREATE TABLE {database}.copied AS {database}.traces",
        clickhouse.rule(database, copied, days),
        f"INSERT INTO {database}.copied SELECT * FROM {database}.traces",
        f"OPTIMIZE TABLE {database}.copied FINAL",
    )
    assert aged.query(f"SELECT count() FROM {database}.copied") == [traces.all_rows - traces.rows]
    assert aged.query(f"SELECT count() FROM {database}.traces") == [90_000]


def put(world: World, key: str, size: int) -> None:
    world.root.put_object(world.access.store.data[0], key, io.BytesIO(bytes(size)), size)


def test_objects_versions_and_bytes_below_each_prefix_are_exact_and_the_gates_marks_are_kept(world: World) -> None:
    store, project = world.access.store, f"p-{token_hex(4)}"
    bucket = store.data[0]
    for number in range(3):
        put(world, f"otel/{project}/2026/01/01/00/00/{number}.json", 100 + number)
    put(world, f"{project}/trace/t/{project}.json", 50)
    put(world, f"{project}/trace/t/{project}.json", 70)
    put(world, f"{project}/score/s/removed.json", 9)
    world.root.remove_object(bucket, f"{project}/score/s/removed.json")
    put(world, "langfuse-stack/marker", 33)
    time.sleep(1.1)
    cutoff = datetime.now(UTC)
    put(world, f"otel/{project}/2026/01/01/00/00/new.json", 1000)
    put(world, f"{project}/trace/t/{project}.json", 80)
    found = {entry.prefix: entry for entry in buckets.old(store, cutoff, print) if entry.bucket == bucket}

    def counted(prefix: str) -> list[tuple[int, int]]:
        entry = found[prefix]
        return [(count.objects, count.size) for count in (entry.all, entry.old, entry.old_versions)]

    assert counted(f"otel/{project}/") == [(4, 1303), (3, 303), (0, 0)]
    assert counted(f"{project}/trace/") == [(3, 200), (0, 0), (2, 120)]
    assert counted(f"{project}/score/") == [(1, 9), (0, 0), (1, 9)]
    assert [entry.prefix for entry in found.values() if entry.kept] == ["langfuse-stack/"]
    assert {entry.bucket for entry in buckets.old(store, cutoff, print)} <= set(store.data)


def test_the_whole_plan_adds_up_without_what_is_kept(aged: World) -> None:
    found = plan(aged.access, 0, now=datetime.now(UTC) + timedelta(days=1))
    assert found.rows == 90_000
    counted = [entry for entry in found.prefixes if not entry.kept]
    assert found.size == sum(entry.all.size for entry in counted) + sum(table.size for table in found.tables)
