"""Servers that the stack uses and does not run, each by what the vault says of it."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import pulumi

from checks.base import CheckResource, Inputs
from checks.clickhouse import ClickHouseGate
from checks.external_store import ExternalStoreGate
from checks.redis import RedisGate
from checks.supabase import LangfuseSchema, SupabaseGate
from components.base import Component, tunnel_inputs
from components.clickhouse import floor
from components.context import Context
from components.minio import Buckets
from components.postgres import ROLE, SCHEMA
from components.redis import DEFAULT_USER
from platforms.spec import Address, Platform
from urls import TRANSACTION_POOLER_PORT, ClickHouseUrl, PostgresUrl, RedisUrl

HTTP_PORTS = {"http": 80, "https": 443}


class External(Component):
    """Somebody else's server. Nothing is made there but what the stack's own data needs.

    Args:
        name: logical name.
        context: the stack's.
        after: gates that must be proven first.
    """

    gates: list[CheckResource]

    def __init__(self, name: str, context: Context, after: Sequence[pulumi.Resource]) -> None:
        super().__init__(name, after)
        self._running = context.running

    def external_gate(
        self,
        kind: type[CheckResource],
        name: str,
        inputs: Inputs,
        *reach: Address,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """The gate that proves the server. While the stack is stopped it proves nothing and keeps what it knows.

        Args:
            kind: what it proves.
            name: its logical name.
            inputs: what it looks at.
            reach: addresses that it talks to.
            after: what must be there first.
        """
        watch = "external" if self._running else None
        proof = kind(name, {**inputs, "watch": watch, **tunnel_inputs(*reach)}, self.child(after=after))
        self.gates = [proof] if self._running else []


class ExternalClickHouse(External):
    """Somebody's ClickHouse, in which one database is Langfuse's.

    Args:
        context: the stack's.
        after: gates that must be proven first.
        url: of the server.
    """

    http: Address
    native: Address
    """For migrations."""
    native_tls: bool
    user: str
    password: pulumi.Output[str]
    database: str
    clustered = False

    def __init__(self, context: Context, after: Sequence[pulumi.Resource], url: ClickHouseUrl) -> None:
        super().__init__("clickhouse", context, after)
        platform, native = context.platform, context.vault.clickhouse_migration_url or url.native
        self.http = _at(platform, url.scheme, url.host, url.port)
        self.native, self.native_tls = _external(platform, native.host, native.port), native.tls
        self.user, self.password = url.user, pulumi.Output.secret(url.password)
        self.database = context.settings.clickhouse.database
        self.external_gate(
            ClickHouseGate,
            "clickhouse-gate",
            {
                "http_address": self.http.operator,
                "native_address": f"clickhouse://{self.native.operator}{'?secure=true' if native.tls else ''}",
                "user": url.user,
                "password": self.password,
                # All that there is to log in with.
                "admin_user": url.user,
                "admin_password": self.password,
                "database": self.database,
                "floor": list(floor(context)),
                "release": context.settings.release.name,
                "cluster": False,
                "external": True,
            },
            self.http,
            self.native,
        )
        self.register_outputs({"http": self.http.operator, "native": self.native.operator})


class ExternalStore(External):
    """Somebody's store that speaks S3.

    Args:
        context: the stack's.
        after: gates that must be proven first.
    """

    api: Address
    buckets: Buckets
    access_key: str
    secret_key: pulumi.Output[str] | None
    region: str
    by_path: bool
    prefix: str

    def __init__(self, context: Context, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("s3", context, after)
        group = context.settings.s3
        parts = urlsplit(group.url)
        port = parts.port or HTTP_PORTS[parts.scheme]
        found = _at(context.platform, parts.scheme, str(parts.hostname), port)
        # A signature covers the host, and clients leave the usual port out.
        self.api = found if parts.port or found.tunnel else Address(group.url, group.url)
        self.buckets = Buckets(group.events_bucket, group.media_bucket, group.exports_bucket)
        self.region, self.by_path, self.prefix = group.region, group.by_path, group.prefix
        key = context.vault.s3_key if group.credentials == "key" else None
        self.access_key = key[0] if key else ""
        self.secret_key = pulumi.Output.secret(key[1]) if key else None
        self.external_gate(
            ExternalStoreGate,
            "s3-gate",
            {
                "endpoint": self.api.operator,
                "internal": self.api.internal,
                "region": group.region,
                "by_path": group.by_path,
                "prefix": group.prefix,
                "access_key": self.access_key,
                "secret_key": self.secret_key or "",
                "buckets": self.buckets.names,
                "data": self.buckets.names,
                "bucket": group.backups_bucket,
                "deletions": context.settings.langfuse.deletions,
            },
            self.api,
        )
        self.register_outputs({"api": self.api.operator})


class ExternalPostgres(External):
    """Somebody's Postgres, in which one schema and one confined role are Langfuse's.

    Args:
        context: the stack's.
        after: gates that must be proven first.
        direct: for migrations and for making the schema; never a transaction pooler.
        pooled: for run time.
    """

    schema = SCHEMA
    sslmode = "require"
    direct_url: pulumi.Output[str]
    pooled_url: pulumi.Output[str]
    operator_url: pulumi.Output[str]
    operator_admin_url: pulumi.Output[str]

    def __init__(
        self, context: Context, after: Sequence[pulumi.Resource], direct: PostgresUrl, pooled: PostgresUrl
    ) -> None:
        super().__init__("postgres", context, after)
        secrets, platform = context.secrets, context.platform
        limited = _limited(pooled, context.settings.postgres.connection_limit)
        password = secrets.langfuse_role_password
        self.direct_url = _as_role(direct, pooled, password)
        self.pooled_url = _as_role(limited, direct, password)
        self.operator_url = _as_role(_from_operator(direct, platform), pooled, password)
        self.operator_admin_url = pulumi.Output.secret(_from_operator(direct, platform).prisma())
        schema = LangfuseSchema(
            "langfuse-schema",
            {
                "admin_url": self.operator_admin_url,
                "schema": SCHEMA,
                "role": ROLE,
                "role_password": password,
                "owner": secrets.owner,
                # The vault then has the keys that the data there was written with.
                "takes_over": context.vault.stack_id is not None,
                "data_keys": secrets.data_keys,
                # A trigger would be everybody's in a database that is somebody else's.
                "event_trigger": False,
            },
            self.data(),
        )
        self.external_gate(
            SupabaseGate,
            "postgres-gate",
            {
                "direct_url": self.operator_url,
                "pooled_url": _as_role(_from_operator(limited, platform), direct, password),
                "schema": SCHEMA,
                "floor": context.settings.release.postgres_floor,
            },
            after=[schema],
        )
        self.register_outputs({"address": f"{direct.host}:{direct.port}"})


class ExternalRedis(External):
    """Somebody's Redis, refused unless it evicts nothing.

    Args:
        context: the stack's.
        after: gates that must be proven first.
        url: of the server.
    """

    address: Address
    password: pulumi.Output[str]
    url: pulumi.Output[str] | None
    passwordless_url: pulumi.Output[str]
    cache: str
    cache_url: pulumi.Output[str] | None
    key_prefix: str

    def __init__(self, context: Context, after: Sequence[pulumi.Resource], url: RedisUrl) -> None:
        super().__init__("redis", context, after)
        self.address = context.platform.external(url.host, url.port)
        self.password = pulumi.Output.secret(url.password)
        self.url = pulumi.Output.secret(url.ioredis())
        self.passwordless_url = pulumi.Output.secret(replace(url, password="").ioredis())
        # Without another one for it, the cache shares the queue's memory.
        cache = context.vault.redis_cache_url or url
        self.cache = f"{cache.host}:{cache.port}"
        self.cache_url = pulumi.Output.secret(cache.redis_py())
        self.key_prefix = context.settings.redis.key_prefix
        self.external_gate(
            RedisGate,
            "redis-gate",
            {
                "address": self.address.operator,
                "user": url.user or DEFAULT_USER,
                "password": self.password,
                "tls": url.tls,
                **({"db": url.database} if url.database else {}),
                "floor": list(context.settings.release.redis_floor),
            },
            self.address,
        )
        self.register_outputs({"address": self.address.operator})


def _from_operator(url: PostgresUrl, platform: Platform) -> PostgresUrl:
    return replace(url, host=platform.external(url.host, url.port).operator.rpartition(":")[0])


def _limited(pooled: PostgresUrl, connection_limit: int) -> PostgresUrl:
    """The URL of run time, with the limits of a pooler where the operator set none."""
    through = {"pgbouncer": "true"} if pooled.port == TRANSACTION_POOLER_PORT else {}
    return pooled.defaulting(**through, connection_limit=str(connection_limit))


def _as_role(url: PostgresUrl, other: PostgresUrl, password: pulumi.Output[str]) -> pulumi.Output[str]:
    """The same URL with Langfuse's role and schema. A pooler's tenant stays in the user's name."""
    tenant = url.tenant(other)
    role = replace(url, user=f"{ROLE}.{tenant}" if tenant else ROLE).setting(schema=SCHEMA)
    return pulumi.Output.secret(password.apply(lambda value: replace(role, password=value).prisma()))


def _external(platform: Platform, host: str, port: int) -> Address:
    return platform.external(f"[{host}]" if ":" in host else host, port)


def _at(platform: Platform, scheme: str, host: str, port: int) -> Address:
    """Where a server is reached over HTTP, as URLs."""
    found = _external(platform, host, port)
    return replace(found, internal=f"{scheme}://{found.internal}", operator=f"{scheme}://{found.operator}")
