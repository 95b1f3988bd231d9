"""Langfuse's environment contract: which variables web and worker get, and which must be equal on both.

Names are those the pinned releases read; a test compares every emitted name with the list beside this module
(`files/langfuse-env-names.json`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pulumi

from checks.base import CheckResource
from components.context import Context
from components.minio import Buckets
from platforms.spec import Address
from settings import media_url as public_media_url
from urls import http_url

Values = dict[str, pulumi.Input[str]]
KINDS = ("EVENT_UPLOAD", "MEDIA_UPLOAD", "BATCH_EXPORT")
"""Uses of the object store, in the order of `Buckets.names`."""
WRITE_ATTEMPTS = 120
"""Times, about a second apart, that a worker tries to write a row before it gives it up; Langfuse's own are 3."""
MEDIA_ENDPOINT = "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT"


class Analytics(Protocol):
    """A ClickHouse with Langfuse's database in it, whoever runs it."""

    http: Address
    native: Address

    @property
    def native_tls(self) -> bool:
        """Whether the native protocol is spoken over TLS."""

    user: str
    """Langfuse's."""
    password: pulumi.Output[str]
    database: str

    @property
    def clustered(self) -> bool:
        """Whether migrations are for several servers at once."""

    gates: list[CheckResource]


class Objects(Protocol):
    """A store for raw events, media and exports, whoever runs it."""

    api: Address

    @property
    def buckets(self) -> Buckets:
        """Names of the buckets."""

    access_key: str
    """Empty where web and worker have a role instead of a key."""

    @property
    def secret_key(self) -> pulumi.Output[str] | None:
        """`None` where they have a role."""

    @property
    def region(self) -> str:
        """Part of every signature."""

    @property
    def by_path(self) -> bool:
        """Whether the bucket is part of the path and not of the host's name."""

    @property
    def prefix(self) -> str:
        """What the names of all objects begin with."""

    gates: list[CheckResource]


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
    sslmode: str
    """How it is spoken to, where its URL does not say."""
    gates: list[CheckResource]


class Queue(Protocol):
    """The ingestion queue's Redis, whoever runs it."""

    address: Address
    password: pulumi.Output[str]
    url: pulumi.Output[str] | None
    """A foreign server as Langfuse reads it (secret); `None` where address and password are all there is to know."""
    passwordless_url: pulumi.Output[str]
    """Address, user and TLS, without the password (secret)."""
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

    clickhouse: Analytics
    minio: Objects
    postgres: Database
    redis: Queue


@dataclass(frozen=True)
class Environment:
    """Environment of one service, split by whether a value may be seen."""

    plain: Mapping[str, str]
    secret: Mapping[str, pulumi.Input[str]]


def addresses(stores: Stores, project_id: str) -> dict[str, str]:
    """Where data is found, by what names it. `policy.addresses` says what each would leave behind."""
    store, buckets = stores.minio, stores.minio.buckets
    return {
        "clickhouse:database": _found(stores.clickhouse.http, stores.clickhouse.database),
        "redis:keyPrefix": stores.redis.key_prefix,
        "langfuse:project": project_id,
        "bucket of events": _found(store.api, buckets.events, store.prefix),
        "bucket of media": _found(store.api, buckets.media, store.prefix),
        "bucket of exports": _found(store.api, buckets.exports, store.prefix),
        "schema of Postgres": stores.postgres.schema,
    }


def is_external(address: Address) -> bool:
    """Whether an address over HTTP is of somebody else's server: those are URLs."""
    return "://" in address.internal


def _found(address: Address, *parts: str) -> str:
    """A name in a store of the stack's own; in somebody else's, with where that is."""
    return "/".join((address.internal, *parts)) if is_external(address) else parts[0]


def media_url(context: Context, stores: Stores) -> str:
    """Where browsers and SDKs reach media and exports; where nobody outside does, where the services do."""
    return public_media_url(context.settings) or http_url(stores.minio.api.internal)


def shared(context: Context, stores: Stores) -> Environment:
    """What must be the same on web and worker."""
    settings, secrets = context.settings, context.secrets
    redis = _redis(stores.redis)
    return Environment(
        plain={
            "HOSTNAME": context.platform.bind_address,
            "NEXTAUTH_URL": context.langfuse_url,
            "TELEMETRY_ENABLED": _flag(settings.langfuse.telemetry),
            "LANGFUSE_LOG_LEVEL": settings.langfuse.log_level,
            "CLICKHOUSE_URL": http_url(stores.clickhouse.http.internal),
            "CLICKHOUSE_USER": stores.clickhouse.user,
            "CLICKHOUSE_DB": stores.clickhouse.database,
            "CLICKHOUSE_CLUSTER_ENABLED": _flag(stores.clickhouse.clustered),
            **redis.plain,
            **_buckets(stores.minio, media_url(context, stores)),
            **settings.release.write_mode_env,
        },
        secret={
            "DATABASE_URL": stores.postgres.pooled_url,
            "CLICKHOUSE_PASSWORD": stores.clickhouse.password,
            **redis.secret,
            "SALT": secrets.salt,
            "ENCRYPTION_KEY": secrets.encryption_key,
            **_bucket_keys(stores.minio),
        },
    )


def worker_only() -> Environment:
    """What the worker alone needs: rows whose jobs are done already wait in its memory while ClickHouse is away."""
    return Environment({"LANGFUSE_INGESTION_CLICKHOUSE_MAX_ATTEMPTS": str(WRITE_ATTEMPTS)}, {})


def web_only(context: Context, stores: Stores) -> Environment:
    """What web alone needs: it migrates, it signs people and links in, and it creates the first project."""
    settings, secrets = context.settings, context.secrets
    group = settings.langfuse
    return Environment(
        plain={
            "CLICKHOUSE_MIGRATION_URL": f"clickhouse://{stores.clickhouse.native.internal}",
            **({"CLICKHOUSE_MIGRATION_SSL": "true"} if stores.clickhouse.native_tls else {}),
            "AUTH_DISABLE_SIGNUP": _flag(not group.sign_up),
            # Web only signs links to media, for browsers and SDKs; the worker itself reads, writes and deletes them.
            MEDIA_ENDPOINT: media_url(context, stores),
            "LANGFUSE_INIT_ORG_ID": group.organization.id,
            "LANGFUSE_INIT_ORG_NAME": group.organization.name,
            "LANGFUSE_INIT_PROJECT_ID": group.project.id,
            "LANGFUSE_INIT_PROJECT_NAME": group.project.name,
            "LANGFUSE_INIT_USER_EMAIL": settings.owner_email,
            "LANGFUSE_INIT_USER_NAME": group.owner.name,
        },
        secret={
            "DIRECT_URL": stores.postgres.direct_url,
            "NEXTAUTH_SECRET": secrets.nextauth_secret,
            "LANGFUSE_INIT_PROJECT_PUBLIC_KEY": secrets.langfuse_public_key,
            "LANGFUSE_INIT_PROJECT_SECRET_KEY": secrets.langfuse_secret_key,
            "LANGFUSE_INIT_USER_PASSWORD": secrets.owner_password,
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


def _bucket_keys(store: Objects) -> Values:
    if store.secret_key is None:
        return {}
    return {f"LANGFUSE_S3_{kind}_SECRET_ACCESS_KEY": store.secret_key for kind in KINDS}


def _buckets(store: Objects, exports_url: str) -> dict[str, str]:
    kinds = dict(zip(KINDS, store.buckets.names, strict=True))
    values = {
        f"LANGFUSE_S3_{kind}_{name}": value
        for kind, bucket in kinds.items()
        for name, value in {
            "BUCKET": bucket,
            "ENDPOINT": http_url(store.api.internal),
            "REGION": store.region,
            "FORCE_PATH_STYLE": _flag(store.by_path),
            **({"ACCESS_KEY_ID": store.access_key} if store.access_key else {}),
            **({"PREFIX": store.prefix} if store.prefix else {}),
        }.items()
    }
    return values | {
        "LANGFUSE_S3_BATCH_EXPORT_ENABLED": "true",
        "LANGFUSE_S3_BATCH_EXPORT_EXTERNAL_ENDPOINT": exports_url,
        # MinIO keeps one file a key segment, and file names end at 255 bytes.
        "LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES": "255",
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"
