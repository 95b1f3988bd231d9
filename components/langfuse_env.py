"""Langfuse's environment contract: which variables web and worker get, and which must be equal on both.

Names are those the pinned releases read; a test compares every emitted name with the list beside this module
(`files/langfuse-env-names.json`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pulumi

from checks.base import CheckResource
from components.clickhouse import ClickHouse
from components.minio import Minio
from components.releases import Release
from platforms.spec import Address

Values = dict[str, pulumi.Input[str]]
MEDIA_ENDPOINT = "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT"


@dataclass(frozen=True)
class Bootstrap:
    """Organization, project, keys and owner that web creates at its first start (idempotent afterwards)."""

    organization_id: str
    organization_name: str
    project_id: str
    project_name: str
    owner_email: str
    owner_name: str
    owner_password: pulumi.Output[str]
    public_key: pulumi.Output[str]
    secret_key: pulumi.Output[str]


@dataclass(frozen=True)
class Crypto:
    """Secrets that tie stored data to this stack."""

    nextauth_secret: pulumi.Output[str]
    salt: pulumi.Output[str]
    encryption_key: pulumi.Output[str]


class Database(Protocol):
    """A Postgres with Langfuse's schema in it, whoever runs it. All URLs are secret and name the schema."""

    schema: str
    direct_url: pulumi.Output[str]
    """For migrations, from inside the private network."""
    pooled_url: pulumi.Output[str]
    """For run time, from inside the private network."""
    operator_url: pulumi.Output[str]
    """As Langfuse's role, from the operator's machine."""
    operator_admin_url: pulumi.Output[str]
    """As a role that may read the whole catalog, from the operator's machine."""
    gates: list[CheckResource]


class Queue(Protocol):
    """The ingestion queue's Redis, whoever runs it."""

    address: Address
    password: pulumi.Output[str]
    url: pulumi.Output[str] | None
    """A foreign server as Langfuse reads it (secret); `None` where address and password are all there is to know."""
    cache: str
    """`host:port` of the gateway's cache of answers, with the same password."""
    cache_url: pulumi.Output[str] | None
    """A foreign server as LiteLLM reads it (secret), in place of `cache`."""
    key_prefix: str
    """Sets Langfuse's keys apart in a Redis that it shares; empty for none."""
    gates: list[CheckResource]


@dataclass(frozen=True)
class Stores:
    """The proven data tier."""

    clickhouse: ClickHouse
    minio: Minio
    postgres: Database
    redis: Queue


@dataclass(frozen=True)
class Environment:
    """Environment of one service, split by whether a value may be seen."""

    plain: Mapping[str, str]
    secret: Mapping[str, pulumi.Input[str]]


def addresses(stores: Stores, bootstrap: Bootstrap) -> dict[str, str]:
    """Where data is found, by what names it. `policy.addresses` says what each would leave behind."""
    return {
        "clickhouse:database": stores.clickhouse.database,
        "redis:keyPrefix": stores.redis.key_prefix,
        "langfuse:project": bootstrap.project_id,
        "bucket of events": stores.minio.buckets.events,
        "bucket of media": stores.minio.buckets.media,
        "bucket of exports": stores.minio.buckets.exports,
        "schema of Postgres": stores.postgres.schema,
    }


def shared(
    release: Release,
    stores: Stores,
    crypto: Crypto,
    *,
    public_url: str,
    media_url: str,
    bind_address: str,
    telemetry: bool,
    log_level: str,
) -> Environment:
    """What web and worker must be told alike."""
    redis = _redis(stores.redis)
    return Environment(
        plain={
            "HOSTNAME": bind_address,
            "NEXTAUTH_URL": public_url,
            "TELEMETRY_ENABLED": _flag(telemetry),
            "LANGFUSE_LOG_LEVEL": log_level,
            "CLICKHOUSE_URL": f"http://{stores.clickhouse.http.internal}",
            "CLICKHOUSE_USER": stores.clickhouse.user,
            "CLICKHOUSE_DB": stores.clickhouse.database,
            "CLICKHOUSE_CLUSTER_ENABLED": _flag(stores.clickhouse.clustered),
            **redis.plain,
            **_buckets(stores.minio, media_url),
            **release.write_mode_env,
        },
        secret={
            "DATABASE_URL": stores.postgres.pooled_url,
            "CLICKHOUSE_PASSWORD": stores.clickhouse.password,
            **redis.secret,
            "SALT": crypto.salt,
            "ENCRYPTION_KEY": crypto.encryption_key,
            "LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY": stores.minio.secret_key,
            "LANGFUSE_S3_MEDIA_UPLOAD_SECRET_ACCESS_KEY": stores.minio.secret_key,
            "LANGFUSE_S3_BATCH_EXPORT_SECRET_ACCESS_KEY": stores.minio.secret_key,
        },
    )


def web_only(stores: Stores, crypto: Crypto, bootstrap: Bootstrap, *, media_url: str, sign_up: bool) -> Environment:
    """What web alone needs: it migrates, it signs people and links in, and it creates the first project."""
    return Environment(
        plain={
            "CLICKHOUSE_MIGRATION_URL": f"clickhouse://{stores.clickhouse.native.internal}",
            "AUTH_DISABLE_SIGNUP": _flag(not sign_up),
            # Web only signs links to media, for browsers and SDKs; the worker itself reads, writes and deletes them.
            MEDIA_ENDPOINT: media_url,
            "LANGFUSE_INIT_ORG_ID": bootstrap.organization_id,
            "LANGFUSE_INIT_ORG_NAME": bootstrap.organization_name,
            "LANGFUSE_INIT_PROJECT_ID": bootstrap.project_id,
            "LANGFUSE_INIT_PROJECT_NAME": bootstrap.project_name,
            "LANGFUSE_INIT_USER_EMAIL": bootstrap.owner_email,
            "LANGFUSE_INIT_USER_NAME": bootstrap.owner_name,
        },
        secret={
            "DIRECT_URL": stores.postgres.direct_url,
            "NEXTAUTH_SECRET": crypto.nextauth_secret,
            "LANGFUSE_INIT_PROJECT_PUBLIC_KEY": bootstrap.public_key,
            "LANGFUSE_INIT_PROJECT_SECRET_KEY": bootstrap.secret_key,
            "LANGFUSE_INIT_USER_PASSWORD": bootstrap.owner_password,
        },
    )


def combined(*parts: Environment) -> Environment:
    """Several environments as one; a later part wins."""
    plain: dict[str, str] = {}
    secret: Values = {}
    for part in parts:
        plain |= part.plain
        secret |= part.secret
    return Environment(plain, secret)


def _redis(redis: Queue) -> Environment:
    prefix = {"REDIS_KEY_PREFIX": redis.key_prefix} if redis.key_prefix else {}
    if redis.url is not None:
        return Environment(prefix, {"REDIS_CONNECTION_STRING": redis.url})
    host, _, port = redis.address.internal.rpartition(":")
    return Environment({"REDIS_HOST": host, "REDIS_PORT": port, **prefix}, {"REDIS_AUTH": redis.password})


def _buckets(minio: Minio, media_url: str) -> dict[str, str]:
    kinds = {
        "EVENT_UPLOAD": minio.buckets.events,
        "MEDIA_UPLOAD": minio.buckets.media,
        "BATCH_EXPORT": minio.buckets.exports,
    }
    values = {
        f"LANGFUSE_S3_{kind}_{name}": value
        for kind, bucket in kinds.items()
        for name, value in {
            "BUCKET": bucket,
            "ENDPOINT": f"http://{minio.api.internal}",
            "REGION": "us-east-1",
            "ACCESS_KEY_ID": minio.access_key,
            "FORCE_PATH_STYLE": "true",
        }.items()
    }
    return values | {
        "LANGFUSE_S3_BATCH_EXPORT_ENABLED": "true",
        "LANGFUSE_S3_BATCH_EXPORT_EXTERNAL_ENDPOINT": media_url,
        # MinIO keeps one file a key segment, and file names end at 255 bytes.
        "LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES": "255",
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"
