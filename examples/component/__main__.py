"""ClickHouse and Redis alone, as langfuse-stack runs and proves them, in another program's stack."""

import pulumi

from components.base import register_delete_hook
from components.clickhouse import ClickHouse
from components.context import Context
from components.redis import Redis
from components.secrets import StackSecrets
from platforms.choice import choose
from settings import load, read_files

register_delete_hook()
config = pulumi.Config()
settings = load(
    {
        "langfuse-stack:platform": "docker",
        "langfuse-stack:instance": config.require("instance"),
        "redis:port": config.require("redisPort"),
        "clickhouse:httpPort": config.require("clickhousePort"),
        "clickhouse:nativePort": config.require("clickhouseNativePort"),
    }
)
files = read_files(settings)
secrets = StackSecrets(settings, files.vault)
context = Context(settings, files, secrets, choose(settings, files, secrets))
redis = Redis(context, after=[])
clickhouse = ClickHouse(context, after=redis.gates)

pulumi.export("clickhouse", f"{clickhouse.user}@{clickhouse.http.operator}/{clickhouse.database}")
pulumi.export("redis", redis.address.operator)
pulumi.export("proven", {gate.gate_name: gate.evidence for gate in (*clickhouse.gates, *redis.gates)})
