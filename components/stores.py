"""Each store is the stack's own or somebody else's: the one place that chooses."""

from collections.abc import Sequence

import pulumi

from components.clickhouse import ClickHouse
from components.context import Context
from components.external import ExternalClickHouse, ExternalPostgres, ExternalRedis, ExternalStore
from components.langfuse_env import Analytics, Database, Objects, Queue
from components.minio import Minio
from components.postgres import Postgres
from components.redis import Redis


def clickhouse(context: Context, after: Sequence[pulumi.Resource]) -> Analytics:
    """ClickHouse."""
    url = context.vault.clickhouse_url
    if url and context.settings.clickhouse.place == "external":
        return ExternalClickHouse(context, after, url)
    return ClickHouse(context, after)


def minio(context: Context, after: Sequence[pulumi.Resource]) -> Objects:
    """The object store."""
    return ExternalStore(context, after) if context.settings.s3.place == "external" else Minio(context, after)


def postgres(context: Context, after: Sequence[pulumi.Resource]) -> Database:
    """Postgres."""
    direct, pooled = context.vault.postgres_direct_url, context.vault.postgres_pooled_url
    if direct and pooled and context.settings.postgres.place == "external":
        return ExternalPostgres(context, after, direct, pooled)
    return Postgres(context, after)


def redis(context: Context, after: Sequence[pulumi.Resource]) -> Queue:
    """The ingestion queue's Redis."""
    url = context.vault.redis_url
    if url and context.settings.redis.place == "external":
        return ExternalRedis(context, after, url)
    return Redis(context, after)
