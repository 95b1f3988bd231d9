"""The gateway's database: virtual keys, budgets and spend. LiteLLM migrates it, so it is never Langfuse's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi

from checks.gateway_database import GatewayDatabaseGate
from checks.supabase import LangfuseSchema
from components.base import Component
from components.context import Context
from components.langfuse_env import Database
from components.postgres import Postgres
from settings import SettingsError, gateway_database
from urls import postgres_url

DATABASE = SCHEMA = ROLE = "litellm"
VARIABLE = "LITELLM_DATABASE_URL"
"""Not DATABASE_URL, which whatever uses Prisma would migrate."""


@dataclass(frozen=True)
class DeclaredDatabase:
    """A database as the gateway needs it."""

    url: pulumi.Output[str]
    """As the gateway reaches it (secret)."""
    gates: list[GatewayDatabaseGate]


def declare(context: Context, postgres: Database, owner: Component) -> DeclaredDatabase | None:
    """Declare the database and its gate; `None` where the master key is the only one.

    Args:
        context: the stack's.
        postgres: has the database, unless it is somebody else's.
        owner: the component of the gateway.

    Raises:
        SettingsError: it cannot be there.
    """
    if context.settings.gateway.database is None:
        return None
    password, made = context.secrets.gateway_database_password, []
    if password is None:
        external = gateway_database(context.settings, context.vault)
        url = pulumi.Output.secret(external.prisma())
        host = context.platform.external(external.host, external.port).operator.rpartition(":")[0]
        operator = pulumi.Output.secret(replace(external, host=host).prisma())
    elif isinstance(postgres, Postgres):
        url, operator = (_as_role(server, password) for server in (postgres.direct_url, postgres.operator_url))
        made = [_schema(context, postgres, password, owner)]
    else:
        raise SettingsError(
            "gateway:database has no Postgres of the stack's own to be on, since postgres:place is external: "
            "run `pulumi config set gateway:database external`, and give its URL"
        )
    gate = GatewayDatabaseGate
    gates = [gate("gateway-database-gate", {"url": operator}, owner.child(after=made))] if context.running else []
    return DeclaredDatabase(url, gates)


def _schema(context: Context, postgres: Database, password: pulumi.Output[str], owner: Component) -> LangfuseSchema:
    """A database of its own on the stack's Postgres, and a role confined to it."""
    return LangfuseSchema(
        "gateway-schema",
        {
            "admin_url": postgres.operator_admin_url,
            "database": DATABASE,
            "schema": SCHEMA,
            "role": ROLE,
            "role_password": password,
            "owner": context.secrets.owner,
            "event_trigger": False,
        },
        owner.data(),
    )


def _as_role(server: pulumi.Output[str], password: pulumi.Output[str]) -> pulumi.Output[str]:
    """The role's login, on the server of another URL."""

    def url(values: Sequence[str]) -> str:
        role = replace(postgres_url(values[0]), user=ROLE, password=values[1], path=DATABASE)
        return replace(role, parameters=(("schema", SCHEMA),)).prisma()

    return pulumi.Output.secret(pulumi.Output.all(server, password).apply(url))
