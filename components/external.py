"""Servers that the stack uses and does not run, each by what the vault says of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pulumi

from checks.base import CheckResource
from checks.clickhouse import ClickHouseGate
from checks.external_store import ExternalStoreGate
from checks.redis import RedisGate
from checks.supabase import LangfuseSchema, SupabaseGate
from components.base import Component, ways
from components.minio import Buckets
from components.postgres import ROLE, SCHEMA
from components.redis import DEFAULT_USER
from platforms.spec import Address, Platform
from urls import TRANSACTION_POOLER_PORT, ClickHouseUrl, NativeUrl, PostgresUrl, RedisUrl

HTTP_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class ExternalClickHouseArgs:
    """What makes one stack's ClickHouse differ from another's."""

    url: ClickHouseUrl
    native: NativeUrl
    """For migrations."""
    database: str
    release: str
    """Langfuse release, for messages."""
    floor: tuple[int, ...]
    """Oldest version the release runs on."""
    running: bool
    """False while the stack is stopped, which proves nothing and keeps what it knows."""


class ExternalClickHouse(Component):
    """Somebody's ClickHouse, in which one database is Langfuse's. Nothing is made there.

    Args:
        args: see `ExternalClickHouseArgs`.
        platform: knows how the server is reached.
        after: gates that must be proven first.
    """

    http: Address
    native: Address
    native_tls: bool
    user: str
    password: pulumi.Output[str]
    database: str
    clustered = False
    gates: list[CheckResource]

    def __init__(self, args: ExternalClickHouseArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("clickhouse", after)
        url, native = args.url, args.native
        self.http = _at(platform, url.scheme, url.host, url.port)
        self.native, self.native_tls = _external(platform, native.host, native.port), native.tls
        self.user, self.password, self.database = url.user, pulumi.Output.secret(url.password), args.database
        proof = ClickHouseGate(
            "clickhouse-gate",
            {
                "http_address": self.http.operator,
                "native_address": f"clickhouse://{self.native.operator}{'?secure=true' if native.tls else ''}",
                "user": url.user,
                "password": self.password,
                # All that there is to log in with.
                "admin_user": url.user,
                "admin_password": self.password,
                "database": args.database,
                "floor": list(args.floor),
                "release": args.release,
                "cluster": False,
                "external": True,
                "watch": _awake(args.running),
                **ways(self.http, self.native),
            },
            self.child(),
        )
        self.gates = [proof] if args.running else []
        self.register_outputs({"http": self.http.operator, "native": self.native.operator})


@dataclass(frozen=True)
class ExternalStoreArgs:
    """What makes one stack's object store differ from another's."""

    url: str
    region: str
    by_path: bool
    """Whether the bucket is part of the path and not of the host's name."""
    prefix: str
    """What the names of all objects begin with."""
    buckets: Buckets
    backups: str
    """Bucket of backups."""
    key: tuple[str, str] | None
    """Id and secret; `None` where web and worker have a role."""
    deletions: bool
    """Whether Langfuse may delete objects."""
    running: bool
    """False while the stack is stopped, which proves nothing and keeps what it knows."""


class ExternalStore(Component):
    """Somebody's store that speaks S3.

    Args:
        args: see `ExternalStoreArgs`.
        platform: knows how the server is reached.
        after: gates that must be proven first.
    """

    api: Address
    buckets: Buckets
    access_key: str
    secret_key: pulumi.Output[str] | None
    region: str
    by_path: bool
    prefix: str
    gates: list[CheckResource]

    def __init__(self, args: ExternalStoreArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("s3", after)
        parts = urlsplit(args.url)
        port = parts.port or HTTP_PORTS[parts.scheme]
        found = _at(platform, parts.scheme, str(parts.hostname), port)
        # A signature covers the host, and clients leave the usual port out.
        self.api = found if parts.port or found.tunnel else Address(args.url, args.url)
        self.buckets, self.region, self.by_path, self.prefix = args.buckets, args.region, args.by_path, args.prefix
        self.access_key = args.key[0] if args.key else ""
        self.secret_key = pulumi.Output.secret(args.key[1]) if args.key else None
        proof = ExternalStoreGate(
            "s3-gate",
            {
                "endpoint": self.api.operator,
                "internal": self.api.internal,
                "region": args.region,
                "by_path": args.by_path,
                "prefix": args.prefix,
                "access_key": self.access_key,
                "secret_key": self.secret_key or "",
                "buckets": args.buckets.names,
                "data": args.buckets.names,
                "bucket": args.backups,
                "deletions": args.deletions,
                "watch": _awake(args.running),
                **ways(self.api),
            },
            self.child(),
        )
        self.gates = [proof] if args.running else []
        self.register_outputs({"api": self.api.operator})


@dataclass(frozen=True)
class ExternalPostgresArgs:
    """What makes one stack's database differ from another's."""

    direct: PostgresUrl
    """For migrations and for making the schema; never a transaction pooler."""
    pooled: PostgresUrl
    """For run time."""
    role_password: pulumi.Output[str]
    """Letters and digits."""
    owner: pulumi.Output[str]
    """Id of the stack."""
    data_keys: pulumi.Output[str]
    """Fingerprint of the keys that data is written with."""
    takes_over: bool
    """Whether data that is there may become the stack's: the vault has the keys that it was written with."""
    connection_limit: int
    """Connections of each service, unless the URL says how many."""
    floor: int
    """Oldest major version the Langfuse release runs on."""
    running: bool
    """False while the stack is stopped, which proves nothing and keeps what it knows."""


class ExternalPostgres(Component):
    """Somebody's Postgres, in which one schema and one confined role are Langfuse's.

    Args:
        args: see `ExternalPostgresArgs`.
        platform: knows how the server is reached.
        after: gates that must be proven first.
    """

    schema = SCHEMA
    direct_url: pulumi.Output[str]
    pooled_url: pulumi.Output[str]
    operator_url: pulumi.Output[str]
    operator_admin_url: pulumi.Output[str]
    gates: list[CheckResource]

    def __init__(self, args: ExternalPostgresArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("postgres", after)
        direct, pooled = (_from_operator(url, platform) for url in (args.direct, _pooled(args)))
        self.direct_url = _as_role(args.direct, args.pooled, args)
        self.pooled_url = _as_role(_pooled(args), args.direct, args)
        self.operator_url = _as_role(direct, args.pooled, args)
        self.operator_admin_url = pulumi.Output.secret(direct.prisma())
        schema = LangfuseSchema(
            "langfuse-schema",
            {
                "admin_url": self.operator_admin_url,
                "schema": SCHEMA,
                "role": ROLE,
                "role_password": args.role_password,
                "owner": args.owner,
                "takes_over": args.takes_over,
                "data_keys": args.data_keys,
                # A trigger would be everybody's in a database that is somebody else's.
                "event_trigger": False,
            },
            self.data(),
        )
        proof = SupabaseGate(
            "postgres-gate",
            {
                "direct_url": self.operator_url,
                "pooled_url": _as_role(pooled, args.direct, args),
                "schema": SCHEMA,
                "floor": args.floor,
                "watch": _awake(args.running),
            },
            self.child(after=[schema]),
        )
        self.gates = [proof] if args.running else []
        self.register_outputs({"address": f"{args.direct.host}:{args.direct.port}"})


def _from_operator(url: PostgresUrl, platform: Platform) -> PostgresUrl:
    return replace(url, host=platform.external(url.host, url.port).operator.rpartition(":")[0])


def _pooled(args: ExternalPostgresArgs) -> PostgresUrl:
    """The URL of run time, with the limits of a pooler where the operator set none."""
    through = {"pgbouncer": "true"} if args.pooled.port == TRANSACTION_POOLER_PORT else {}
    return args.pooled.defaulting(**through, connection_limit=str(args.connection_limit))


def _as_role(url: PostgresUrl, other: PostgresUrl, args: ExternalPostgresArgs) -> pulumi.Output[str]:
    """The same URL with Langfuse's role and schema. A pooler's tenant stays in the user's name."""
    tenant = url.tenant(other)
    role = replace(url, user=f"{ROLE}.{tenant}" if tenant else ROLE).setting(schema=SCHEMA)
    whole = args.role_password.apply(lambda password: replace(role, password=password).prisma())
    return pulumi.Output.secret(whole)


@dataclass(frozen=True)
class ExternalRedisArgs:
    """What makes one stack's Redis differ from another's."""

    url: RedisUrl
    cache_url: RedisUrl | None
    """Of another one for the gateway's cache of answers; None where both share the memory of one."""
    key_prefix: str
    """Sets Langfuse's keys apart; empty for none."""
    floor: tuple[int, int]
    """Oldest version the Langfuse release runs on."""
    running: bool
    """False while the stack is stopped, which proves nothing and keeps what it knows."""


class ExternalRedis(Component):
    """Somebody's Redis, refused unless it evicts nothing.

    Args:
        args: see `ExternalRedisArgs`.
        platform: knows how the server is reached.
        after: gates that must be proven first.
    """

    address: Address
    password: pulumi.Output[str]
    url: pulumi.Output[str] | None
    cache: str
    cache_url: pulumi.Output[str] | None
    key_prefix: str
    gates: list[CheckResource]

    def __init__(self, args: ExternalRedisArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("redis", after)
        url = args.url
        self.address = platform.external(url.host, url.port)
        self.password = pulumi.Output.secret(url.password)
        self.url = pulumi.Output.secret(url.ioredis())
        cache = args.cache_url or url
        self.cache = f"{cache.host}:{cache.port}"
        self.cache_url = pulumi.Output.secret(cache.redis_py())
        self.key_prefix = args.key_prefix
        proof = RedisGate(
            "redis-gate",
            {
                "address": self.address.operator,
                "user": url.user or DEFAULT_USER,
                "password": self.password,
                "tls": url.tls,
                **({"db": url.database} if url.database else {}),
                "floor": list(args.floor),
                "watch": _awake(args.running),
                **ways(self.address),
            },
            self.child(),
        )
        self.gates = [proof] if args.running else []
        self.register_outputs({"address": self.address.operator})


def _external(platform: Platform, host: str, port: int) -> Address:
    return platform.external(f"[{host}]" if ":" in host else host, port)


def _at(platform: Platform, scheme: str, host: str, port: int) -> Address:
    """Where a server is reached over HTTP, as URLs."""
    found = _external(platform, host, port)
    return replace(found, internal=f"{scheme}://{found.internal}", operator=f"{scheme}://{found.operator}")


def _awake(running: bool) -> str | None:
    """What a gate watches where no service of ours can tell it."""
    return "external" if running else None
