"""The gateway's database: virtual keys, budgets and spend. LiteLLM migrates it, so it is never Langfuse's."""

from dataclasses import dataclass, replace

import pulumi

from checks.gateway_database import GatewayDatabaseGate
from checks.supabase import LangfuseSchema
from components.base import Component
from components.langfuse_env import Database
from platforms.spec import Platform
from urls import PostgresUrl, postgres_url

DATABASE = SCHEMA = ROLE = "litellm"
VARIABLE = "LITELLM_DATABASE_URL"
"""Not DATABASE_URL, which whatever uses Prisma would migrate."""


@dataclass(frozen=True)
class ManagedDatabase:
    """A database of its own on the stack's Postgres, and a role confined to it."""

    postgres: Database
    role_password: pulumi.Output[str]
    owner: pulumi.Output[str]
    """Id of the stack."""

    def url(self, server: pulumi.Output[str]) -> pulumi.Output[str]:
        """The role's login, on the server of another URL."""
        both = pulumi.Output.all(server, self.role_password)
        return pulumi.Output.secret(both.apply(lambda told: _as_role(told[0], told[1])))


@dataclass(frozen=True)
class DeclaredDatabase:
    """A database as the gateway needs it."""

    url: pulumi.Output[str]
    """As the gateway reaches it (secret)."""
    gates: list[GatewayDatabaseGate]


def declare(
    source: ManagedDatabase | PostgresUrl, owner: Component, platform: Platform, *, running: bool
) -> DeclaredDatabase:
    """Declare the database and its gate.

    Args:
        source: one on the stack's Postgres, or the URL of somebody else's.
        owner: the component of the gateway.
        platform: knows how somebody else's server is reached.
        running: False while the stack is stopped, which proves nothing.
    """
    if isinstance(source, ManagedDatabase):
        url, operator = source.url(source.postgres.direct_url), source.url(source.postgres.operator_url)
        made = [_schema(source, owner)]
    else:
        url, made = pulumi.Output.secret(source.prisma()), []
        host = platform.external(source.host, source.port).operator.rpartition(":")[0]
        operator = pulumi.Output.secret(replace(source, host=host).prisma())
    gate = GatewayDatabaseGate
    gates = [gate("gateway-database-gate", {"url": operator}, owner.child(after=made))] if running else []
    return DeclaredDatabase(url, gates)


def _schema(source: ManagedDatabase, owner: Component) -> LangfuseSchema:
    return LangfuseSchema(
        "gateway-schema",
        {
            "admin_url": source.postgres.operator_admin_url,
            "database": DATABASE,
            "schema": SCHEMA,
            "role": ROLE,
            "role_password": source.role_password,
            "owner": source.owner,
            "event_trigger": False,
        },
        owner.data(),
    )


def _as_role(server: str, password: str) -> str:
    there = replace(postgres_url(server), user=ROLE, password=password, path=DATABASE)
    return replace(there, parameters=(("schema", SCHEMA),)).prisma()
