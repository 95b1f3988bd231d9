"""ClickHouse and Redis alone, as langfuse-stack runs and proves them, in another program's stack."""

import pulumi
import pulumi_random

from components.base import register_delete_hook
from components.clickhouse import BackupStore, ClickHouse, ClickHouseArgs
from components.redis import Redis, RedisArgs
from platforms.docker import DockerPlatform
from platforms.spec import VolumeSpec
from settings import images, load

register_delete_hook()
config, settings = pulumi.Config(), load({})
found, release = images(settings), settings.release
instance = config.require("instance")


def secret(name: str) -> pulumi.Output[str]:
    """A generated password; it stays in the state."""
    return pulumi_random.RandomPassword(name, length=32, special=False).result


platform = DockerPlatform(
    instance, pulumi_random.RandomId("owner", byte_length=8).hex, lambda _service: 1024, running=True
)
redis = Redis(
    RedisArgs(
        image=found["redis"],
        password=secret("redis-password"),
        password_before=None,
        volume=VolumeSpec(f"{instance}_redis_data", 5),
        port=config.require_int("redisPort"),
        floor=release.redis_floor,
        maxmemory_mb=512,
        cache_maxmemory_mb=128,
    ),
    platform,
    after=[],
)
password = secret("clickhouse-password")
clickhouse = ClickHouse(
    ClickHouseArgs(
        image=found["clickhouse"],
        password=password,
        generation=1,
        password_before=None,
        admin_password=secret("clickhouse-admin-password"),
        backups=BackupStore("http://backups.example.com/clickhouse/", "key", pulumi.Output.secret("of-your-bucket")),
        database="traces",
        deletions=False,
        volume=VolumeSpec(f"{instance}_clickhouse_data", 25),
        http_port=config.require_int("clickhousePort"),
        native_port=config.require_int("clickhouseNativePort"),
        memory_ratio=0.8,
        query_log_ttl_days=7,
        release=release.name,
        floor=release.clickhouse_floor,
    ),
    platform,
    after=[],
)
pulumi.export("clickhouse", f"{clickhouse.user}@{clickhouse.http.operator}/{clickhouse.database}")
pulumi.export("redis", redis.address.operator)
pulumi.export("proven", {gate.gate_name: gate.evidence for gate in (*clickhouse.gates, *redis.gates)})
