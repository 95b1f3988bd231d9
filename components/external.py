"""Servers that the stack uses and does not run: a Postgres with Langfuse's schema in it, and a Redis, both by URL."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi

from checks.base import CheckResource
from checks.redis import RedisGate
from checks.supabase import LangfuseSchema, SupabaseGate
from components.base import Component, ways
from components.postgres import ROLE, SCHEMA
from components.redis import DEFAULT_USER
from platforms.spec import Address, Platform
from urls import TRANSACTION_POOLER_PORT, PostgresUrl, RedisUrl


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
        after: gates that must be proven first.
    """

    schema = SCHEMA
    direct_url: pulumi.Output[str]
    pooled_url: pulumi.Output[str]
    operator_url: pulumi.Output[str]
    operator_admin_url: pulumi.Output[str]
    gates: list[CheckResource]

    def __init__(self, args: ExternalPostgresArgs, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("postgres", after)
        self.direct_url = self.operator_url = _as_role(args.direct, args.pooled, args)
        self.pooled_url = _as_role(_pooled(args), args.direct, args)
        self.operator_admin_url = pulumi.Output.secret(args.direct.prisma())
        schema = LangfuseSchema(
            "langfuse-schema",
            {
                "admin_url": self.operator_admin_url,
                "schema": SCHEMA,
                "role": ROLE,
                "role_password": args.role_password,
                "owner": args.owner,
                "takes_over": args.takes_over,
                # A trigger would be everybody's in a database that is somebody else's.
                "event_trigger": False,
            },
            self.data(),
        )
        proof = SupabaseGate(
            "postgres-gate",
            {
                "direct_url": self.direct_url,
                "pooled_url": self.pooled_url,
                "schema": SCHEMA,
                "floor": args.floor,
                "watch": _awake(args.running),
            },
            self.child(after=[schema]),
        )
        self.gates = [proof] if args.running else []
        self.register_outputs({"address": f"{args.direct.host}:{args.direct.port}"})


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


def _awake(running: bool) -> str | None:
    """What a gate watches where no service of ours can tell it."""
    return "external" if running else None
