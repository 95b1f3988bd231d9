"""Servers that the stack uses and does not run: a Postgres with Langfuse's schema in it, and a Redis, both by URL."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from checks.base import CheckResource
from checks.redis import RedisGate
from checks.supabase import LangfuseSchema, SupabaseGate
from components.base import Component, ways
from components.postgres import ROLE, SCHEMA
from components.redis import DEFAULT_USER
from platforms.spec import Address, Platform

TRANSACTION_POOLER_PORT = 6543


@dataclass(frozen=True)
class DatabaseUrl:
    """One way into a Postgres. The login is its owner's, who may create schemas."""

    host: str
    port: int
    database: str
    user: str
    query: str
    """Encoded parameters, without the question mark; Langfuse's are added."""
    url: pulumi.Output[str]
    """The whole URL, encoded (secret)."""


@dataclass(frozen=True)
class ExternalPostgresArgs:
    """What makes one stack's database differ from another's."""

    direct: DatabaseUrl
    """For migrations and for making the schema; never a transaction pooler."""
    pooled: DatabaseUrl
    """For run time."""
    role_password: pulumi.Output[str]
    """Letters and digits."""
    owner: pulumi.Output[str]
    """Id of the stack."""
    takes_over: bool
    """Whether data that is there may become the stack's: the vault has the keys that it was written with."""
    connection_limit: int
    """Connections of each service through a transaction pooler."""
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
        self.direct_url = self.operator_url = _as_role(args.direct, args)
        self.pooled_url = _as_role(args.pooled, args)
        self.operator_admin_url = args.direct.url
        schema = LangfuseSchema(
            "langfuse-schema",
            {
                "admin_url": args.direct.url,
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


def _as_role(way: DatabaseUrl, args: ExternalPostgresArgs) -> pulumi.Output[str]:
    """The same way, entered as Langfuse's role. A pooler finds its tenant by what follows the user's first dot."""
    tenant = way.user.partition(".")[2]
    user = f"{ROLE}.{tenant}" if tenant else ROLE
    pooler = [f"pgbouncer=true&connection_limit={args.connection_limit}"] if way.port == TRANSACTION_POOLER_PORT else []
    query = "&".join([part for part in (way.query, *pooler) if part] + [f"schema={SCHEMA}"])
    place = f"@{way.host}:{way.port}/{way.database}?{query}"
    return pulumi.Output.secret(pulumi.Output.concat(f"postgresql://{user}:", args.role_password, place))


@dataclass(frozen=True)
class ExternalRedisArgs:
    """What makes one stack's Redis differ from another's."""

    host: str
    port: int
    user: str
    """Empty for the default user."""
    password: pulumi.Output[str]
    tls: bool
    url: pulumi.Output[str]
    """The whole URL, encoded (secret)."""
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
    key_prefix: str
    gates: list[CheckResource]

    def __init__(self, args: ExternalRedisArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("redis", after)
        self.address = platform.external(args.host, args.port)
        self.password, self.url, self.key_prefix = args.password, args.url, args.key_prefix
        proof = RedisGate(
            "redis-gate",
            {
                "address": self.address.operator,
                "user": args.user or DEFAULT_USER,
                "password": args.password,
                "tls": args.tls,
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
