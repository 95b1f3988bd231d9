"""Each row turns red, and no other does, when its fault is there for real; and green again when it is mended."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from checks.bucket import APP_POLICY, AppKeyProvider, client
from checks.relay import queue
from checks.trace import OTLP_PATH
from components.relay import CONFIG_FILE
from ops.doctor.access import Access, Limits
from ops.doctor.examine import examine
from ops.doctor.rows import ROWS
from ops.doctor.rows.ledger import MIGRATIONS
from ops.doctor.signatures import AROUND, sources
from policy.guards import DELETE_HOOK, in_one_line, missing_guards
from policy.inventories import Inventory
from tests.checks.containers import blueprint
from tests.doctor.rig import CONFIG, LIMITS, Rig, found, only, own_file, verdict
from tests.relay.rig import basic, export
from tests.standin.docker_cli import docker, eventually, free_port

pytestmark = [pytest.mark.docker, pytest.mark.soak]

BOTH = ("langfuse-web", "langfuse-worker")


def test_a_healthy_stack_has_no_findings(rig: Rig) -> None:
    assert found(rig.fresh()) == {}


@dataclass(frozen=True)
class Variable:
    """A row that a service's variables turn red."""

    row: str
    services: tuple[str, ...]
    env: dict[str, str]
    says: str


VARIABLES = (
    Variable("clickhouse-password", ("langfuse-web",), {"CLICKHOUSE_PASSWORD": "with#hash"}, "not all letters"),
    Variable(
        "clickhouse-migration-url",
        ("langfuse-web",),
        {"CLICKHOUSE_MIGRATION_URL": "clickhouse://clickhouse:8123"},
        "8123, which speaks HTTP",
    ),
    Variable(
        "clickhouse-connection",
        ("langfuse-web",),
        {"CLICKHOUSE_MIGRATION_URL": "clickhouse://nowhere:9000"},
        "nowhere:9000: the name does not resolve",
    ),
    Variable("clickhouse-connection", BOTH, {"CLICKHOUSE_URL": "http://localhost:8123"}, "which is web itself"),
    Variable(
        "clickhouse-connection",
        ("langfuse-web",),
        {"CLICKHOUSE_MIGRATION_URL": "clickhouse://clickhouse:9440"},
        "CLICKHOUSE_MIGRATION_SSL is not true",
    ),
    Variable("clickhouse-cluster-flag", BOTH, {"CLICKHOUSE_CLUSTER_ENABLED": "False"}, "not literally false"),
    Variable(
        "postgres-url",
        ("langfuse-web",),
        {"DIRECT_URL": "postgresql://langfuse:a#b@postgres:5432/postgres?schema=langfuse"},
        "DIRECT_URL has a #: percent-encode the password",
    ),
    Variable(
        "postgres-connection",
        ("langfuse-web",),
        {"DIRECT_URL": "postgresql://langfuse:canary@nowhere:5432/postgres?schema=langfuse"},
        "nowhere:5432",
    ),
    Variable("redis-url", ("langfuse-web",), {"REDIS_AUTH": ""}, "REDIS_HOST without REDIS_AUTH"),
    Variable("redis-connection", BOTH, {"REDIS_PORT": "6390"}, "redis:6390: no connection"),
    Variable("redis-ipv6", BOTH, {"REDIS_HOST": "six.internal"}, "only IPv6 addresses: fd00::1"),
    Variable("store-settings", ("langfuse-web",), {"LANGFUSE_S3_EVENT_UPLOAD_FORCE_PATH_STYLE": "false"}, "is false"),
    Variable("store-connection", BOTH, {"LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT": "http://minio:9999"}, "minio:9999"),
    Variable(
        "store-connection",
        ("langfuse-worker",),
        {"LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT": "http://localhost:9090"},
        "localhost:9090: no connection",
    ),
    Variable(
        "store-external-endpoint",
        ("langfuse-web",),
        {"LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT": "http://minio.invalid:9000"},
        "cannot be reached from outside",
    ),
    Variable("langfuse-encryption-key", BOTH, {"ENCRYPTION_KEY": "z" * 64}, "not 64 hexadecimal"),
    Variable("langfuse-bind", ("langfuse-worker",), {"HOSTNAME": "(unset)"}, "HOSTNAME of langfuse-worker is unset"),
    Variable(
        "langfuse-write-mode",
        BOTH,
        {
            "LANGFUSE_MIGRATION_V4_WRITE_MODE": "legacy",
            "LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR": "direct",
        },
        "legacy contradicts",
    ),
    Variable("gateway-cloud", ("gateway",), {"LANGFUSE_OTEL_HOST": "(unset)"}, "us.cloud.langfuse.com"),
    Variable("gateway-cloud", ("gateway",), {"LANGFUSE_HOST": "https://us.cloud.langfuse.com"}, "Langfuse's cloud"),
    Variable("gateway-keys", ("gateway",), {"LANGFUSE_SECRET_KEY": "sk-lf-canary"}, "HTTP 401"),
    Variable("gateway-database", ("gateway",), {"DATABASE_URL": "postgresql://u:canary@db:5432/d"}, "DATABASE_URL"),
    Variable("settings-unknown", BOTH, {"SMTP_HOST": "mail.example.com"}, "read today: SMTP_CONNECTION_URL"),
    Variable("settings-case", BOTH, {"langfuse_log_format": "json"}, "read as LANGFUSE_LOG_FORMAT"),
    Variable("settings-differ", ("langfuse-worker",), {"SALT": "canary"}, "differ in SALT"),
)


@pytest.mark.parametrize("fault", VARIABLES, ids=lambda fault: f"{fault.row}-{next(iter(fault.env))}")
def test_a_wrong_variable_is_found_in_the_containers(rig: Rig, fault: Variable) -> None:
    with rig.told(*fault.services, **fault.env) as access:
        seen = only(access, fault.row)
    assert fault.says in seen.evidence
    assert "canary" not in seen.evidence
    assert verdict(rig.fresh(), fault.row) == "healthy"


def test_deletions_that_were_refused_before_they_were_switched_on_are_no_finding(rig: Rig) -> None:
    redis("ZADD", FAILED_DELETIONS, "1", "refused")(rig)
    redis("HSET", "bull:trace-delete:refused", "failedReason", "Not enough privileges")(rig)
    try:
        assert verdict(rig.fresh(), "langfuse-deletions").startswith("finding: trace-delete 1 failed")
        assert verdict(replace(rig.fresh(), deletions=True), "langfuse-deletions") == "healthy"
    finally:
        redis("DEL", FAILED_DELETIONS, "bull:trace-delete:refused")(rig)


@dataclass(frozen=True)
class Fault:
    """Something done to a store, and undone unless the row's own fix does it."""

    row: str
    break_it: Callable[[Rig], None]
    says: str
    mend: Callable[[Rig], None] | None = None
    """None where the commands of the fix that the doctor shows are run."""
    limits: Limits | None = None


def clickhouse(*statements: str) -> Callable[[Rig], None]:
    def run(rig: Rig) -> None:
        for statement in statements:
            rig.clickhouse(statement)

    return run


def postgres(*statements: str) -> Callable[[Rig], None]:
    return lambda rig: rig.postgres(*statements)


def redis(*command: str) -> Callable[[Rig], None]:
    def run(rig: Rig) -> None:
        docker("exec", rig.name("redis"), "redis-cli", *command)

    return run


def ledger(version: int, *, dirty: int) -> str:
    return f"INSERT INTO langfuse.schema_migrations SELECT {version}, {dirty}, toUnixTimestamp64Nano(now64(9))"


def _fill(rig: Rig) -> None:
    docker("exec", rig.name("clickhouse"), "sh", "-c", "head -c 8200000 /dev/zero > /tiny/filling")


def _unfill(rig: Rig) -> None:
    docker("exec", rig.name("clickhouse"), "sh", "-c", "> /tiny/filling")


def _read_only(rig: Rig) -> None:
    _policy(rig, ["s3:GetObject"])


def _policy(rig: Rig, actions: list[str]) -> None:
    from minio import MinioAdmin
    from minio.credentials.providers import StaticProvider

    given = rig.inputs("minio-app-key")
    admin = MinioAdmin(
        endpoint=given["endpoint"],
        credentials=StaticProvider(given["root_user"], given["root_password"]),
        secure=False,
    )
    statement = {"Effect": "Allow", "Action": actions, "Resource": ["arn:aws:s3:::*"]}
    admin.policy_add(APP_POLICY, policy={"Version": "2012-10-17", "Statement": [statement]})


def _app_key(rig: Rig) -> None:
    AppKeyProvider().run(rig.inputs("minio-app-key"))


FAILED_DELETIONS = "bull:trace-delete:failed"


def _delete_a_trace(rig: Rig) -> None:
    """Langfuse answers with 200, and its worker is refused: twice, half a minute apart."""
    web = rig.inputs("langfuse-web-gate")
    keys = (web["public_key"], web["secret_key"])
    assert httpx.delete(f"{web['url']}/api/public/traces/never-there", auth=keys).status_code == httpx.codes.OK
    failed = ("exec", rig.name("redis"), "redis-cli", "ZCARD", FAILED_DELETIONS)
    eventually(lambda: docker(*failed).strip() == "1", seconds=90)


UNFINISHED = (
    "INSERT INTO langfuse._prisma_migrations (id, checksum, migration_name, logs, started_at, applied_steps_count) "
    "VALUES ('doctor', 'none', '20990101_doctor', 'ERROR: no such thing', now(), 0)"
)

FAULTS = (
    Fault(
        "clickhouse-open-users",
        clickhouse("CREATE USER stranger IDENTIFIED WITH no_password"),
        "stranger",
        clickhouse("ALTER USER stranger IDENTIFIED BY 'secret'"),
    ),
    Fault(
        "clickhouse-system-logs",
        clickhouse("CREATE TABLE system.trace_log (event_date Date) ENGINE = MergeTree ORDER BY event_date"),
        "trace_log",
        clickhouse("DROP TABLE system.trace_log"),
    ),
    Fault("clickhouse-disk", _fill, "tiny 9", _unfill),
    Fault(
        "clickhouse-mutations",
        clickhouse(
            "CREATE TABLE langfuse.doctor (id Int64, v Int64) ENGINE = MergeTree ORDER BY id",
            "INSERT INTO langfuse.doctor VALUES (1, 1)",
            "ALTER TABLE langfuse.doctor UPDATE v = throwIf(v = 1) WHERE 1",
        ),
        "doctor: ",
        clickhouse("KILL MUTATION WHERE table = 'doctor'"),
        replace(LIMITS, mutation_seconds=0),
    ),
    Fault("clickhouse-ledger-dirty", clickhouse(ledger(37, dirty=1)), "version 37 is dirty"),
    Fault("langfuse-older-than-ledger", clickhouse(ledger(99, dirty=0)), "at 99", clickhouse(ledger(37, dirty=0))),
    Fault(
        "postgres-schema-not-empty",
        postgres("ALTER TABLE langfuse._prisma_migrations RENAME TO kept"),
        "no _prisma_migrations",
        postgres("ALTER TABLE langfuse.kept RENAME TO _prisma_migrations"),
    ),
    Fault("postgres-migration-failed", postgres(UNFINISHED), "20990101_doctor: ERROR: no such thing"),
    Fault(
        "postgres-search-path",
        postgres("ALTER ROLE langfuse IN DATABASE postgres RESET search_path"),
        "public",
    ),
    Fault(
        "postgres-temporary",
        postgres("REVOKE TEMPORARY ON DATABASE postgres FROM langfuse, PUBLIC"),
        "may not make temporary tables",
    ),
    Fault(
        "postgres-timezone",
        postgres("ALTER ROLE langfuse IN DATABASE postgres SET timezone = 'Europe/Istanbul'"),
        "Europe/Istanbul",
    ),
    Fault("redis-eviction", redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"), "allkeys-lru"),
    Fault("redis-persistence", redis("CONFIG", "SET", "appendonly", "no"), "appendonly 0"),
    Fault("langfuse-deletions", _delete_a_trace, "trace-delete 1 failed", redis("DEL", FAILED_DELETIONS)),
    Fault("store-write", _read_only, "AccessDenied", _app_key),
    Fault(
        "langfuse-sign-up",
        postgres(
            "ALTER TABLE langfuse.users RENAME TO kept_users",
            "CREATE TABLE langfuse.users (id text)",
            "GRANT SELECT ON langfuse.users TO langfuse",
        ),
        "there is no user",
        postgres("ALTER TABLE langfuse.users RENAME TO empty", "ALTER TABLE langfuse.kept_users RENAME TO users"),
    ),
    Fault(
        "langfuse-background-migrations",
        postgres(
            "UPDATE langfuse.background_migrations SET failed_at = now(), failed_reason = 'deadlock' "
            "WHERE name = '20241114_migrate_traces_from_pg_to_ch'"
        ),
        "failed: deadlock",
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.row)
def test_a_fault_in_a_store_is_found_and_its_fix_mends_it(rig: Rig, fault: Fault) -> None:
    changes: dict[str, Any] = {"limits": fault.limits} if fault.limits else {}
    fault.break_it(rig)
    mended = False
    try:
        seen = eventually(lambda: only(rig.fresh(**changes), fault.row), seconds=10)
        assert fault.says in seen.evidence
        (fault.mend or (lambda _: rig.apply(seen.fix)))(rig)
        mended = True
    finally:
        if not mended and fault.mend:
            fault.mend(rig)
    assert eventually(lambda: verdict(rig.fresh(**changes), fault.row), accept=lambda seen: seen == "healthy")


def test_a_dirty_migration_of_which_nothing_is_there_is_to_be_run_again(rig: Rig) -> None:
    column = "usage_pricing_tier_name"
    text = rig.access.inspector.migration("langfuse-web", MIGRATIONS, 37)
    assert text is not None
    assert column in text
    try:
        rig.clickhouse("ALTER TABLE langfuse.observations DROP COLUMN usage_pricing_tier_name")
        rig.clickhouse(ledger(37, dirty=1))
        seen = only(rig.fresh(), "clickhouse-ledger-dirty")
        assert "0 of 1 is done" in seen.evidence
        assert "SELECT 36, 0" in seen.fix
    finally:
        rig.clickhouse(
            "ALTER TABLE langfuse.observations ADD COLUMN IF NOT EXISTS usage_pricing_tier_name Nullable(String)"
        )
        rig.clickhouse(ledger(37, dirty=0))
    assert verdict(rig.fresh(), "clickhouse-ledger-dirty") == "healthy"


def test_a_refused_clickhouse_password_is_found(rig: Rig) -> None:
    wrong = replace(rig.access.clickhouse, password="canary")
    seen = only(rig.fresh(clickhouse=wrong), "clickhouse-password")
    assert "516" in seen.evidence
    assert verdict(rig.fresh(), "clickhouse-password") == "healthy"


def test_a_refused_redis_password_is_found(rig: Rig) -> None:
    assert "refused" in only(rig.fresh(redis_password="canary"), "redis-password").evidence
    assert verdict(rig.fresh(), "redis-password") == "healthy"


FLOORS: dict[str, dict[str, Any]] = {
    "clickhouse-version": {"clickhouse_floor": (99, 1)},
    "postgres-version": {"postgres_floor": 99},
    "redis-version": {"redis_floor": (99, 0)},
}


@pytest.mark.parametrize("row", FLOORS)
def test_a_server_below_the_floor_is_found(rig: Rig, row: str) -> None:
    assert only(rig.fresh(**FLOORS[row]), row)
    assert verdict(rig.fresh(), row) == "healthy"


def test_a_database_of_another_engine_is_found(rig: Rig) -> None:
    rig.clickhouse("CREATE DATABASE IF NOT EXISTS elsewhere ENGINE = Memory")
    login = replace(rig.access.operator, database="elsewhere")
    assert "Memory" in only(rig.fresh(clickhouse=login, operator=login), "clickhouse-database-engine").evidence
    assert verdict(rig.fresh(), "clickhouse-database-engine") == "healthy"


def test_too_few_grants_are_found(rig: Rig) -> None:
    rig.clickhouse("CREATE USER IF NOT EXISTS narrow IDENTIFIED BY 'narrow'")
    rig.clickhouse("GRANT SELECT, INSERT ON langfuse.* TO narrow")
    login = replace(rig.access.clickhouse, user="narrow", password="narrow")
    seen = only(rig.fresh(clickhouse=login), "clickhouse-grants")
    assert "ALTER DROP INDEX" in seen.evidence
    rig.clickhouse("GRANT ALL ON langfuse.* TO narrow")
    assert verdict(rig.fresh(clickhouse=login), "clickhouse-grants") == "healthy"


def test_a_user_outside_utc_is_found(rig: Rig) -> None:
    rig.clickhouse("CREATE USER IF NOT EXISTS istanbul IDENTIFIED BY 'x' SETTINGS session_timezone = 'Europe/Istanbul'")
    rig.clickhouse("GRANT ALL ON langfuse.* TO istanbul")
    login = replace(rig.access.clickhouse, user="istanbul", password="x")
    assert "Europe/Istanbul" in only(rig.fresh(clickhouse=login), "clickhouse-timezone").evidence
    rig.clickhouse("ALTER USER istanbul SETTINGS session_timezone = 'UTC'")
    assert verdict(rig.fresh(clickhouse=login), "clickhouse-timezone") == "healthy"


def test_exceeded_memory_is_found_until_it_is_long_ago(rig: Rig) -> None:
    client = rig.access.operator.client()
    try:
        with pytest.raises(Exception, match="MEMORY_LIMIT_EXCEEDED"):
            client.query("SELECT groupArray(number) FROM numbers(10000000)", settings={"max_memory_usage": 1_000_000})
    finally:
        client.close()
    assert "Code 241" in only(rig.fresh(), "clickhouse-memory").evidence
    assert eventually(lambda: verdict(rig.fresh(), "clickhouse-memory") == "healthy")


def test_a_held_migration_lock_is_found(rig: Rig) -> None:
    import psycopg

    from urls import postgres_url

    now = replace(LIMITS, lock_seconds=0)
    with psycopg.connect(postgres_url(rig.access.admin_url).libpq(), autocommit=True) as db:
        db.execute("SELECT pg_advisory_lock(72707369)")
        assert "has held the lock" in only(rig.fresh(limits=now), "postgres-migration-lock").evidence
    assert eventually(lambda: verdict(rig.fresh(limits=now), "postgres-migration-lock") == "healthy")


@pytest.fixture(scope="module")
def pooler(rig: Rig) -> str:
    """A second Redis, which also stands for something that listens on a transaction pooler's port."""
    port, name = free_port(), f"{rig.instance}-second-redis"
    docker(
        "run",
        "-d",
        "--name",
        name,
        "--network",
        rig.instance,
        "--network-alias",
        "pooler",
        "-p",
        f"127.0.0.1:{port}:6543",
        rig_image(rig, "redis"),
        "redis-server",
        "--port",
        "6543",
        "--requirepass",
        rig.access.redis_password,
        "--maxmemory-policy",
        "noeviction",
        "--appendonly",
        "yes",
    )
    rig.made.append(name)
    return f"127.0.0.1:{port}"


def rig_image(rig: Rig, service: str) -> str:
    return docker("inspect", "--format", "{{.Image}}", rig.name(service))


def test_a_pooler_that_is_not_called_one_is_found(rig: Rig, pooler: str) -> None:
    assert pooler
    url = rig.access.pooled_url.partition("@")[0] + "@pooler:6543/postgres?schema=langfuse"
    with rig.told(*BOTH, DATABASE_URL=url) as access:
        assert "without pgbouncer=true" in only(access, "postgres-pooler-flag").evidence
    with rig.told(*BOTH, DATABASE_URL=f"{url}&pgbouncer=true") as access:
        assert found(access) == {}
        assert verdict(access, "postgres-pooler-flag") == "healthy"


def test_a_long_queue_is_found(rig: Rig, pooler: str) -> None:
    from checks import redis as queue

    few = replace(LIMITS, waiting_jobs=2)
    access = rig.fresh(redis_address=pooler, limits=few)
    with queue.client(pooler, rig.access.redis_password) as server:
        eventually(server.ping)
        server.rpush("bull:otel-ingestion-queue:wait", "1", "2", "3")
        assert "3 waiting" in only(access, "redis-queue").evidence
        server.lpop("bull:otel-ingestion-queue:wait", 3)
    assert verdict(access, "redis-queue") == "healthy"


def test_jobs_that_failed_for_good_are_found_in_every_part_of_a_queue_that_is_split(rig: Rig, pooler: str) -> None:
    from checks import redis as queue

    access, name = rig.fresh(redis_address=pooler), "bull:otel-ingestion-queue-3"
    with queue.client(pooler, rig.access.redis_password) as server:
        eventually(server.ping)
        server.hset(f"{name}:meta", "version", "bullmq:5")
        server.hset(f"{name}:5000", "failedReason", "getaddrinfo ENOTFOUND clickhouse")
        server.zadd(f"{name}:failed", {str(job): job for job in range(1, 5001)})
        seen = only(access, "jobs-failed").evidence
        assert seen == "otel-ingestion-queue-3 5000 failed, the newest with: getaddrinfo ENOTFOUND clickhouse"
        server.delete(f"{name}:failed", f"{name}:meta", f"{name}:5000")
    assert verdict(access, "jobs-failed") == "healthy"


def test_a_cluster_without_macros_is_found(rig: Rig) -> None:
    """Beside the stack's own server, which has no keeper, one that has."""
    name, http, native = f"{rig.instance}-keeper", free_port(), free_port()
    published = (f"--publish=127.0.0.1:{http}:8123", f"--publish=127.0.0.1:{native}:9000")
    rig.create("clickhouse", rig_image(rig, "clickhouse"), *published, name=name)
    rig.put(name, {f"{CONFIG}/keeper.xml": own_file("keeper.xml")})
    docker("start", name)
    login = replace(rig.access.operator, http_address=f"127.0.0.1:{http}")
    eventually(lambda: login.client().close() is None, seconds=60)
    there: dict[str, Any] = {"clickhouse": login, "operator": login, "native_address": f"127.0.0.1:{native}"}
    with rig.told(*BOTH, CLICKHOUSE_CLUSTER_ENABLED="true") as access:
        seen = only(replace(access, **there), "clickhouse-cluster-definition")
        assert "macro replica, macro shard" in seen.evidence
        rig.put(name, {f"{CONFIG}/macros.xml": own_file("macros.xml")})
        client = login.client()
        client.command("SYSTEM RELOAD CONFIG")
        client.close()
        assert eventually(lambda: verdict(replace(access, **there), "clickhouse-cluster-definition") == "healthy")
    docker("rm", "-fv", name)
    rig.made.remove(name)


def test_guards_that_the_state_lost_are_found(rig: Rig) -> None:
    urn = "urn:pulumi:test::langfuse-stack::langfuse-stack:index:Redis$docker:index/volume:Volume::redis-data"
    stripped = {"urn": urn, "protect": False, "retainOnDelete": True, "resourceHooks": {"BeforeDelete": [DELETE_HOOK]}}
    lost = in_one_line(missing_guards([stripped], Inventory({})))
    assert "protect of redis-data" in only(rig.fresh(missing_guards=lost), "data-guards").evidence
    kept = in_one_line(missing_guards([{**stripped, "protect": True}], Inventory({})))
    assert verdict(rig.fresh(missing_guards=kept), "data-guards") == "healthy"


def test_an_image_that_nobody_serves_any_more_is_found(rig: Rig) -> None:
    images = {**rig.access.images, "minio": "minio/minio:RELEASE.2025-01-20T14-49-07Z"}
    assert "minio/minio" in only(rig.fresh(images=images), "image-removed").evidence
    assert verdict(rig.fresh(), "image-removed") == "healthy"


@contextmanager
def another(rig: Rig, service: str, *command: str, options: Sequence[str] = ()) -> Iterator[None]:
    name = f"{rig.instance}-another"
    docker(
        "create",
        "--name",
        name,
        *rig.labels(service),
        *options,
        "--entrypoint",
        "sleep",
        rig.image("langfuse-web"),
        "60",
    )
    try:
        for word in command:
            docker(word, name)
        yield
    finally:
        docker("rm", "-fv", name)


def test_a_container_that_does_not_run_is_found(rig: Rig) -> None:
    with another(rig, "langfuse-worker"):
        assert "another is created" in only(rig.fresh(), "containers").evidence
    assert verdict(rig.fresh(), "containers") == "healthy"


def test_a_heap_that_its_container_has_no_room_for_is_found(rig: Rig) -> None:
    options = ("--memory=256m", "--env=NODE_OPTIONS=--max-old-space-size=512")
    with another(rig, "langfuse-worker", "start", options=options):
        assert "256 MB, and node in it a heap of 512 MB" in only(rig.fresh(), "killed-for-memory").evidence
    assert verdict(rig.fresh(), "killed-for-memory") == "healthy"


def test_a_lock_that_a_killed_run_left_behind_is_found(rig: Rig, tmp_path: Path) -> None:
    lock = tmp_path / "langfuse-stack" / "local" / "a.json"
    lock.parent.mkdir(parents=True)
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    lock.write_text(json.dumps({"pid": ended.pid, "hostname": socket.gethostname(), "timestamp": "then"}))
    access = rig.fresh(engine_locks=tmp_path)
    assert f"process {ended.pid} held the lock since then" in only(access, "engine-lock").evidence
    lock.unlink()
    assert verdict(access, "engine-lock") == "healthy"


def test_an_engine_that_does_not_answer_is_found(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as away:
        away.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        assert "docker.sock" in only(rig.fresh(), "docker-engine").evidence
    assert verdict(rig.fresh(), "docker-engine") == "healthy"


def test_a_service_that_is_gone_is_named(rig: Rig) -> None:
    access = rig.fresh(services=(*rig.access.services, "langfuse-worker-2"))
    assert "langfuse-worker-2 is absent" in only(access, "containers").evidence
    assert verdict(rig.fresh(), "containers") == "healthy"


def test_no_row_writes_into_the_object_store(rig: Rig) -> None:
    given = rig.inputs("minio-app-key")
    store = client(given["endpoint"], given["root_user"], given["root_password"])

    def versions() -> list[tuple[str, str, str]]:
        return [
            (name, entry.object_name, entry.version_id)
            for name in rig.access.buckets
            for entry in store.list_objects(name, recursive=True, include_version=True)
        ]

    before = versions()
    assert found(rig.fresh()) == {}
    assert versions() == before


def test_a_second_web_is_found(rig: Rig) -> None:
    with another(rig, "langfuse-web", "start"):
        assert "2 webs run" in only(rig.fresh(), "langfuse-two-webs").evidence
    assert verdict(rig.fresh(), "langfuse-two-webs") == "healthy"


@contextmanager
def other_service(rig: Rig, service: str, inside: int, **env: str) -> Iterator[str]:
    """Another web or worker beside the stack's; its address."""
    name, port = f"{rig.instance}-other-{service}", free_port()
    rig.create(service, rig.image(service), f"--publish=127.0.0.1:{port}:{inside}", name=name, **env)
    docker("start", name)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        docker("rm", "-fv", name)


def test_a_web_whose_first_project_failed_is_found(rig: Rig) -> None:
    with other_service(
        rig, "langfuse-web", 3000, LANGFUSE_INIT_USER_PASSWORD="short", LANGFUSE_INIT_USER_EMAIL="new@example.com"
    ) as url:
        eventually(lambda: httpx.get(f"{url}/api/public/health", trust_env=False).status_code == 500)
        assert "HTTP 500" in only(rig.fresh(web_url=url), "langfuse-init").evidence
    assert verdict(rig.fresh(), "langfuse-init") == "healthy"


def test_a_worker_that_lost_redis_is_found(rig: Rig) -> None:
    with other_service(rig, "langfuse-worker", 3030, REDIS_PORT="6390") as url:
        eventually(lambda: httpx.get(f"{url}/api/health", trust_env=False, timeout=10).status_code == 500)
        assert "HTTP 500" in only(rig.fresh(worker_url=url), "langfuse-worker-health").evidence
    assert verdict(rig.fresh(), "langfuse-worker-health") == "healthy"


def test_a_web_in_the_workers_place_is_found(rig: Rig) -> None:
    assert "as only web does" in only(rig.fresh(worker_url=rig.access.web_url), "langfuse-worker-image").evidence
    assert verdict(rig.fresh(), "langfuse-worker-image") == "healthy"


def test_a_gateway_that_does_not_serve_is_found(rig: Rig) -> None:
    url = f"http://{rig.access.store.endpoint}"
    assert "HTTP 4" in only(rig.fresh(gateway_url=url), "gateway-alive").evidence
    assert verdict(rig.fresh(), "gateway-alive") == "healthy"


@contextmanager
def other_relay(rig: Rig, changed: Mapping[str, str] | None = None, **env: str) -> Iterator[Access]:
    """The stack, with another relay in the place of its own: other variables, or other texts in its configuration."""
    name, otlp, metrics = f"{rig.instance}-other-relay", free_port(), free_port()
    published = (f"--publish=127.0.0.1:{otlp}:4318", f"--publish=127.0.0.1:{metrics}:8888")
    rig.create("relay", rig.image("relay"), *published, name=name, **env)
    files = dict(blueprint("relay").files)
    for was, now in (changed or {}).items():
        assert was in files[CONFIG_FILE]
        files[CONFIG_FILE] = files[CONFIG_FILE].replace(was, now)
    rig.put(name, files)
    docker("start", name)
    access = rig.fresh(relay_url=f"http://127.0.0.1:{otlp}", relay_metrics_url=f"http://127.0.0.1:{metrics}")
    try:
        eventually(lambda: queue(f"{access.relay_metrics_url}/metrics"))
        yield access
    finally:
        docker("rm", "-fv", name)


def send(rig: Rig, access: Access, padding: int) -> int:
    """Status of an export of one span."""
    headers = {"Authorization": f"Basic {rig.relay_keys}"}
    url = access.relay_url + OTLP_PATH
    return httpx.post(url, json=export(range(1), padding), headers=headers, trust_env=False).status_code


def test_a_relay_with_other_keys_is_found(rig: Rig) -> None:
    with other_relay(rig, RELAY_KEYS=basic("pk-lf-other", "sk-lf-other")) as access:
        assert "HTTP 401" in only(access, "relay-keys").evidence
    assert verdict(rig.fresh(), "relay-keys") == "healthy"


NOWHERE = {"relay-proxy:3000": "nowhere.invalid:3000", f"queue_size: {1024**3}": "queue_size: 10000"}


def test_a_relay_that_hands_nothing_on_is_found_before_it_is_full(rig: Rig) -> None:
    with other_relay(rig, NOWHERE) as access:
        assert send(rig, access, 6000) == 200
        assert "% of 10000 bytes" in only(access, "relay-queue").evidence
    assert verdict(rig.fresh(), "relay-queue") == "healthy"


def test_a_relay_that_refused_spans_is_found(rig: Rig) -> None:
    with other_relay(rig, NOWHERE) as access:
        assert send(rig, access, 20_000) == 503
        assert "1 spans" in only(access, "relay-refused").evidence
    assert verdict(rig.fresh(), "relay-refused") == "healthy"


def test_a_relay_whose_spans_langfuse_refused_is_found(rig: Rig) -> None:
    with other_relay(rig, {"relay-proxy:3000/api/public/otel": "langfuse-web:3000/api/no"}) as access:
        assert send(rig, access, 0) == 200
        eventually(lambda: queue(f"{access.relay_metrics_url}/metrics").dropped)
        assert "1 spans" in only(access, "relay-dropped").evidence
    assert verdict(rig.fresh(), "relay-dropped") == "healthy"


MESSAGES = yaml.safe_load((Path(__file__).parent / "messages.yaml").read_text(encoding="utf-8"))
LOGGED = sorted(row.id for row in ROWS if row.probe is None and sources()[row.id] - AROUND)


@contextmanager
def logging(rig: Rig, service: str, text: str) -> Iterator[Callable[[], None]]:
    """Has a service write something, itself where its image lets it, or else by a container that stands for it."""
    if service in {*BOTH, "gateway"}:
        yield lambda: rig.logs(service, text)
        return
    script = 'while printf "%s\\n" "$1"; do sleep 1; done'
    image = rig.image("langfuse-web")
    name = docker("run", "--detach", *rig.labels(service), "--entrypoint=sh", image, "-c", script, "sh", text)
    try:
        yield lambda: None
    finally:
        docker("rm", "-fv", name)


@pytest.mark.parametrize("row", LOGGED)
def test_what_only_a_log_shows_is_found_while_it_is_recent(rig: Rig, row: str) -> None:
    [entry] = [entry for entry in ROWS if entry.id == row]
    printers = sources()[row] - AROUND
    service = next((name for name in (*BOTH, "gateway") if name in printers), min(printers))

    began = time.monotonic()

    def seen() -> str:
        write()
        since = replace(LIMITS, recent_seconds=LIMITS.recent_seconds + time.monotonic() - began)
        return only(rig.fresh(limits=since), row).evidence

    with logging(rig, service, "\n".join([MESSAGES[row][0].strip()] * (entry.tolerated + 1))) as write:
        assert f"{service} logged " in eventually(seen)
    assert eventually(lambda: verdict(rig.fresh(), row), accept=lambda seen: seen == "healthy")


def test_data_on_a_file_system_over_the_network_is_found(rig: Rig) -> None:
    class OverNfs:
        def __getattr__(self, name: str) -> Any:
            return getattr(rig.access.inspector, name)

        def filesystem(self, _service: str, _path: str) -> str:
            return "nfs"

    access = rig.fresh(inspector=OverNfs())
    assert "on nfs" in only(access, "clickhouse-filesystem").evidence
    assert verdict(rig.fresh(), "clickhouse-filesystem") == "healthy"


def test_a_paused_store_is_said_to_be_unseen_and_does_not_hang_the_doctor(rig: Rig) -> None:
    docker("pause", rig.name("redis"))
    try:
        results = {result.row.id: result for result in examine(ROWS, rig.fresh())}
        assert "redis is paused" in results["containers"].evidence
        findings = {name for name, result in results.items() if result.verdict == "finding"}
        assert findings <= {"containers", "langfuse-worker-health"}
        assert results["redis-eviction"].verdict == "not seen"
    finally:
        docker("unpause", rig.name("redis"))
    assert eventually(lambda: found(rig.fresh()) == {}, seconds=60)
