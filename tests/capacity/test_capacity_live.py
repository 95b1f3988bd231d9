"""Each finding made to appear for real: on the stack's own ClickHouse, Redis and MinIO, filled until it does."""

import io
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from secrets import token_hex

import httpx
import pytest

from checks.bucket import client as store_client
from ops.capacity import past, store
from ops.capacity.access import EVENT_TABLES, Access
from ops.capacity.advice import Advice
from ops.capacity.judge import Finding, judge
from ops.capacity.measure import measure
from ops.capacity.measurement import Disk, Growth, Measurement, Rate, Unseen, seen
from ops.capacity.queues import Server
from ops.limits import Limits, limits
from platforms.docker.labels import INSTANCE_LABEL, SERVICE_LABEL
from platforms.docker.runtime import DockerRuntime
from platforms.facts import FACTS
from tests.checks.clickhouse_session import as_operator, session_with
from tests.checks.containers import Container, blueprint, gate_inputs, images, paused, run
from tests.standin.docker_cli import eventually

pytestmark = [pytest.mark.docker, pytest.mark.soak]

MEGABYTE = 1_000_000
STORE_MEGABYTES = 96
FAR = limits({"forecast_days": 1e12, "disk_percent": 101, "memory_percent": 101})
"""The machine's own disk and memory are no matter of these tests."""


@dataclass(frozen=True)
class Servers:
    """The three stores that are measured."""

    clickhouse: Container
    redis: Container
    minio: Container
    access: Access

    def run(self, *statements: str) -> None:
        with session_with(self.access.operator) as session:
            for statement in statements:
                session.run(statement)

    def fresh(self) -> Access:
        """With a database of its own."""
        name = f"c_{token_hex(4)}"
        self.run(f"CREATE DATABASE {name}")
        for table, column in self.access.tables.items():
            self.run(
                f"CREATE TABLE {name}.{table} "
                f"(id UInt64, {column} DateTime64(3), created_at DateTime64(3), text String) "
                f"ENGINE = MergeTree PARTITION BY toYYYYMM({column}) ORDER BY id"
            )
        operator = replace(self.access.operator, database=name)
        return replace(self.access, operator=operator)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    plans = {name: blueprint(name) for name in ("clickhouse", "redis", "minio")}
    found = images(frozenset(plans))
    instance = f"capacity-{token_hex(3)}"
    with ExitStack() as started:

        def start(service: str, *options: str) -> Container:
            labels = (f"--label={INSTANCE_LABEL}={instance}", f"--label={SERVICE_LABEL}={service}")
            container = run(plans[service], found[service], *labels, *options)
            started.callback(container.remove)
            return container

        clickhouse, redis = start("clickhouse"), start("redis")
        minio = start("minio", f"--tmpfs=/data:size={STORE_MEGABYTES}m")
        root, cache = gate_inputs("minio-app-key"), gate_inputs("redis-gate")
        access = Access(
            platform=FACTS["docker"],
            operator=as_operator(clickhouse),
            tables=EVENT_TABLES["traces"],
            redis=Server(redis.published[6379], cache["password"]),
            store_address=minio.published[9000],
            store_root=(root["root_user"], root["root_password"]),
            containers=lambda: DockerRuntime(instance).memory(),
            prometheus=None,
            limits=FAR,
        )
        eventually(lambda: as_operator(clickhouse).client().close() is None, seconds=90)
        eventually(lambda: httpx.get(f"http://{minio.published[9000]}/minio/health/ready").status_code == 200)
        yield Servers(clickhouse, redis, minio, access)


def found(access: Access, allowed: Limits = FAR) -> tuple[Measurement, list[Finding]]:
    measured = measure(access)
    return measured, judge(measured, Advice(FACTS["docker"]), allowed)


def rate_of(measured: Measurement) -> Rate:
    assert isinstance(measured.rate, Rate), measured.rate
    return measured.rate


def test_idle_servers_have_no_findings_and_every_number_is_there(servers: Servers) -> None:
    measured, findings = found(servers.fresh())
    assert (findings, measured.unseen) == ([], [])
    assert rate_of(measured) == Rate(0, 0, [], 0)
    assert {disk.store for disk in seen(measured.disks)} == {"clickhouse", "minio"}
    machine = {"clickhouse machine"}  # measured by the server itself, some time after its start
    assert {memory.of for memory in seen(measured.memory)} - machine == {
        "clickhouse",
        "clickhouse server",
        "minio",
        "redis",
        "redis server",
    }
    assert all(memory.used > 0 for memory in seen(measured.memory))


def test_more_than_500_events_a_second_are_found(servers: Servers) -> None:
    access = servers.fresh()
    database = access.operator.database
    rows = "SELECT number, now64(3), now64(3), '' FROM numbers({})"
    servers.run(f"INSERT INTO {database}.traces {rows.format(75_000)}")
    measured, findings = found(access)
    assert rate_of(measured).last_minutes == pytest.approx(250)
    assert findings == []
    servers.run(f"INSERT INTO {database}.observations {rows.format(75_300)}")
    measured, findings = found(access)
    assert rate_of(measured).last_minutes == pytest.approx(501)
    assert rate_of(measured).last_hour == pytest.approx(150_300 / 3600)
    [finding] = findings
    assert finding.id == "events-per-second"
    assert "cluster mode" in finding.change


def grown(access: Access, servers: Servers) -> None:
    """Rows of the last nine days, of each 1,000 more than of the day before, all in one hour."""
    for back in range(9, 0, -1):
        at = f"toStartOfDay(now()) - INTERVAL {back} DAY + INTERVAL 5 HOUR"
        servers.run(
            f"INSERT INTO {access.operator.database}.traces "
            f"SELECT number, {at}, {at} + number % 3600, randomPrintableASCII(100) FROM numbers({1000 * (10 - back)})"
        )


def test_when_500_events_a_second_will_be_reached_is_forecast_from_the_rows(servers: Servers) -> None:
    access = servers.fresh()
    grown(access, servers)
    measured, findings = found(access, replace(FAR, events_per_second=5, forecast_days=30))
    days = rate_of(measured).days
    assert [day.events for day in days] == [1000 * number for number in range(2, 10)]
    assert [day.busiest_hour for day in days] == pytest.approx([number / 3.6 for number in range(2, 10)])
    assert findings[0].id == "events-forecast"
    assert findings[0].means == "5 events/s in 9 days"


def test_when_a_disk_will_be_full_is_forecast_from_the_rows(servers: Servers) -> None:
    access = servers.fresh()
    [before] = [disk for disk in seen(measure(access).disks) if disk.store == "clickhouse"]
    assert isinstance(before.growth, Unseen)
    assert "not enough history" in before.growth.why
    grown(access, servers)
    measured, findings = found(access)
    [disk] = [disk for disk in seen(measured.disks) if disk.store == "clickhouse"]
    [traces] = [parts for parts in seen(measured.parts) if parts.table == "traces"]
    assert isinstance(disk.growth, Growth)
    assert traces.rows == 45_000
    assert disk.growth.per_day == pytest.approx(6000 * traces.size / 45_000)
    assert disk.growth.basis == "rows of the last 7 full days"
    [finding] = [entry for entry in findings if entry.id == "disk-forecast"]
    assert finding.seen.startswith("clickhouse:")
    assert finding.means.startswith("full in ")


def test_waiting_jobs_are_found_whatever_the_queue_is_called(servers: Servers) -> None:
    access = servers.fresh()
    sent = round((time.time() - 400) * 1000)
    with access.redis.client() as server:
        for queue, jobs in (("otel-ingestion-queue-1", 1500), ("trace-upsert", 1), ("evaluation", 0)):
            server.hset(f"bull:{queue}:meta", "version", "bullmq:5")
            for number in range(jobs):
                server.lpush(f"bull:{queue}:wait", str(number))
        server.hset("bull:trace-upsert:0", "timestamp", str(sent))
        server.hset("bull:otel-ingestion-queue-1:0", "timestamp", str(round(time.time() * 1000)))
        server.zadd("bull:evaluation:delayed", {"9": 1})
        server.zadd("bull:evaluation:failed", {"7": 1, "8": 1})
        server.hset("api-key:other", "x", "y")
        try:
            measured, findings = found(access)
        finally:
            server.flushall()
    assert {queue.name: (queue.waiting, queue.delayed, queue.failed) for queue in seen(measured.queues)} == {
        "otel-ingestion-queue-1": (1500, 0, 0),
        "trace-upsert": (1, 0, 0),
        "evaluation": (0, 1, 2),
    }
    assert [finding.id for finding in findings] == ["queue-waiting"] * 2
    assert findings[0].seen.startswith("otel-ingestion-queue-1: 1500 jobs wait")
    assert "LANGFUSE_OTEL_INGESTION_QUEUE_PROCESSING_CONCURRENCY" in findings[0].change
    assert findings[1].seen.startswith("trace-upsert: 1 jobs wait, the oldest for 40")
    assert found(access)[1] == []


def test_many_parts_in_one_partition_are_found(servers: Servers) -> None:
    access = servers.fresh()
    table = f"{access.operator.database}.scores"
    many = "SETTINGS max_block_size = 1, min_insert_block_size_rows = 1, max_insert_threads = 1"
    servers.run(f"SYSTEM STOP MERGES {table}")
    servers.run(f"INSERT INTO {table} {many} SELECT number, '2026-03-01', '2026-03-01', '' FROM numbers(499)")
    assert found(access)[1] == []
    servers.run(f"INSERT INTO {table} SELECT number, '2026-03-01', '2026-03-01', '' FROM numbers(1)")
    measured, [finding] = found(access)
    assert finding.seen == "scores: 500 parts in one partition"
    assert finding.means == "inserts are slowed down from 1000 on, refused from 3000 on"
    assert [(entry.parts, entry.rows) for entry in seen(measured.parts)] == [(500, 500)]
    servers.run(f"SYSTEM START MERGES {table}", f"OPTIMIZE TABLE {table} FINAL")
    assert found(access)[1] == []


def root_of(access: Access) -> tuple[str, str]:
    assert access.store_root
    return access.store_root


def fill(access: Access, megabytes: int) -> None:
    objects = store_client(access.store_address, *root_of(access))
    if not objects.bucket_exists("filling"):
        objects.make_bucket("filling")
    for _ in range(megabytes):
        objects.put_object("filling", token_hex(8), io.BytesIO(bytes(MEGABYTE)), MEGABYTE)


def store_disk(measured: Measurement) -> Disk:
    [disk] = [disk for disk in seen(measured.disks) if disk.store == "minio"]
    return disk


def test_a_disk_that_is_nearly_full_is_found(servers: Servers) -> None:
    access = servers.fresh()
    measured, findings = found(access)
    assert (findings, store_disk(measured).growth) == ([], past.UNKNOWN)
    before = store_disk(measured).used
    fill(access, 80)
    eventually(lambda: store.disk(access.store_address, *root_of(access)).used > before + 80 * MEGABYTE)
    _, findings = found(access, replace(FAR, disk_percent=80))
    assert [entry.id for entry in findings if entry.seen.startswith("minio")] == ["disk-used"]


def test_memory_near_its_limit_is_found(servers: Servers) -> None:
    access, share = servers.fresh(), replace(FAR, memory_percent=85)

    def of_redis() -> list[Finding]:
        return [finding for finding in found(access, share)[1] if finding.seen.startswith("redis server")]

    with access.redis.client() as server:
        try:
            assert of_redis() == []
            used = int(server.info("memory")["used_memory"])
            server.config_set("maxmemory", round(used * 1.1))
            [finding] = of_redis()
            assert finding.id == "memory"
        finally:
            server.config_set("maxmemory", 0)
    assert of_redis() == []


def test_a_server_that_does_not_answer_is_said_to_be_unseen_and_holds_up_no_other(servers: Servers) -> None:
    access = servers.fresh()
    with paused(servers.redis):
        started = time.monotonic()
        measured, _ = found(access)
    assert time.monotonic() - started < 20
    assert isinstance(measured.queues, Unseen)
    assert len(measured.unseen) == 2
    assert all("Redis" in why for why in measured.unseen)
    assert isinstance(measured.rate, Rate)
    assert str(access.redis.password) not in str(measured)


def test_a_password_that_is_refused_is_said_without_showing_one(servers: Servers) -> None:
    access = servers.fresh()
    refused = replace(
        access,
        operator=replace(access.operator, password="canary"),
        redis=replace(access.redis, password="canary2"),
        store_root=("langfuse-root", "canary-root"),
    )
    measured, _ = found(refused)
    assert len(measured.unseen) == 7
    assert "canary" not in str(measured.unseen)
    assert not [disk for disk in measured.disks if isinstance(disk, Disk)]
