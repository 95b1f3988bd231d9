"""Langfuse's environment contract: which variables web and worker get, and which must be equal on both.

Names are those the pinned releases read; a test compares every emitted name with the list beside this module
(`files/langfuse-env-names.json`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.clickhouse import ClickHouse
from components.minio import Minio
from components.postgres import Postgres
from components.redis import Redis
from components.releases import Release

Values = dict[str, pulumi.Input[str]]


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


@dataclass(frozen=True)
class Stores:
    """The proven data tier."""

    clickhouse: ClickHouse
    minio: Minio
    postgres: Postgres
    redis: Redis


@dataclass(frozen=True)
class Environment:
    """Environment of one service, split by whether a value may be seen."""

    plain: Mapping[str, str]
    secret: Mapping[str, pulumi.Input[str]]


def shared(
    release: Release,
    stores: Stores,
    crypto: Crypto,
    *,
    public_url: str,
    bind_address: str,
    telemetry: bool,
    log_level: str,
) -> Environment:
    """What web and worker must be told alike."""
    redis_host, _, redis_port = stores.redis.address.internal.rpartition(":")
    return Environment(
        plain={
            "HOSTNAME": bind_address,
            "NEXTAUTH_URL": public_url,
            "TELEMETRY_ENABLED": _flag(telemetry),
            "LANGFUSE_LOG_LEVEL": log_level,
            "CLICKHOUSE_URL": f"http://{stores.clickhouse.http.internal}",
            "CLICKHOUSE_USER": stores.clickhouse.user,
            "CLICKHOUSE_DB": stores.clickhouse.database,
            "CLICKHOUSE_CLUSTER_ENABLED": "false",
            "REDIS_HOST": redis_host,
            "REDIS_PORT": redis_port,
            **_buckets(stores.minio),
            **release.write_mode_env,
        },
        secret={
            "DATABASE_URL": stores.postgres.pooled_url,
            "CLICKHOUSE_PASSWORD": stores.clickhouse.password,
            "REDIS_AUTH": stores.redis.password,
            "SALT": crypto.salt,
            "ENCRYPTION_KEY": crypto.encryption_key,
            "LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY": stores.minio.secret_key,
            "LANGFUSE_S3_MEDIA_UPLOAD_SECRET_ACCESS_KEY": stores.minio.secret_key,
            "LANGFUSE_S3_BATCH_EXPORT_SECRET_ACCESS_KEY": stores.minio.secret_key,
        },
    )


def web_only(stores: Stores, crypto: Crypto, bootstrap: Bootstrap, *, sign_up: bool) -> Environment:
    """What web alone needs: it migrates, it signs people in, and it creates the first project."""
    return Environment(
        plain={
            "CLICKHOUSE_MIGRATION_URL": f"clickhouse://{stores.clickhouse.native.internal}",
            "AUTH_DISABLE_SIGNUP": _flag(not sign_up),
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


def _buckets(minio: Minio) -> dict[str, str]:
    internal, operator = f"http://{minio.api.internal}", f"http://{minio.api.operator}"
    kinds = {
        "EVENT_UPLOAD": (minio.buckets.events, internal),
        # Browsers and SDKs upload media themselves, to an address they can reach.
        "MEDIA_UPLOAD": (minio.buckets.media, operator),
        "BATCH_EXPORT": (minio.buckets.exports, internal),
    }
    values = {
        f"LANGFUSE_S3_{kind}_{name}": value
        for kind, (bucket, endpoint) in kinds.items()
        for name, value in {
            "BUCKET": bucket,
            "ENDPOINT": endpoint,
            "REGION": "us-east-1",
            "ACCESS_KEY_ID": minio.access_key,
            "FORCE_PATH_STYLE": "true",
        }.items()
    }
    return values | {
        "LANGFUSE_S3_BATCH_EXPORT_ENABLED": "true",
        "LANGFUSE_S3_BATCH_EXPORT_EXTERNAL_ENDPOINT": operator,
        # MinIO keeps one file a key segment, and file names end at 255 bytes.
        "LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES": "255",
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"
