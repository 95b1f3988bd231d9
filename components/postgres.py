"""Postgres: a volume, a server that also holds somebody else's schema, and Langfuse's own schema and confined role."""

from collections.abc import Sequence

import pulumi

from checks.base import CheckResource
from checks.supabase import LangfuseSchema, SupabaseGate
from components.base import Component
from components.context import Context
from components.templates import read
from platforms.spec import ExecProbe, File, HealthSpec, Mount, Port, ServiceSpec, Volume

POSTGRES_PORT = 5432
ADMIN = "postgres"
DATABASE = "postgres"
SCHEMA = "langfuse"
ROLE = "langfuse"


class Postgres(Component):
    """A Postgres server with Langfuse's schema in it.

    Args:
        context: the stack's.
        after: gates that must be proven first.
    """

    schema = SCHEMA
    sslmode = "disable"
    direct_url: pulumi.Output[str]
    """For migrations, from inside the private network (secret)."""
    pooled_url: pulumi.Output[str]
    """For run time, from inside the private network (secret)."""
    operator_url: pulumi.Output[str]
    """As Langfuse's role, from the operator's machine (secret)."""
    operator_admin_url: pulumi.Output[str]
    """As a role that may read the whole catalog, from the operator's machine (secret)."""
    gates: list[CheckResource]

    def __init__(self, context: Context, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("postgres", after)
        group, secrets, platform = context.settings.postgres, context.secrets, context.platform
        spec = context.volume("postgres", group.volume_gb)
        volume = platform.volume("postgres-data", spec, self.data())
        service = platform.service("postgres", _server(context, volume), self.child())
        address = service.addresses["postgres"]
        self.direct_url = self.pooled_url = _url(ROLE, secrets.langfuse_role_password, address.internal)
        self.operator_url = _url(ROLE, secrets.langfuse_role_password, address.operator)
        self.operator_admin_url = _url(ADMIN, secrets.postgres_admin_password, address.operator)
        schema = LangfuseSchema(
            "langfuse-schema",
            {
                "admin_url": self.operator_admin_url,
                "schema": SCHEMA,
                "role": ROLE,
                "role_password": secrets.langfuse_role_password,
                "owner": secrets.owner,
                "data_keys": secrets.data_keys,
                "event_trigger": group.event_trigger,
            },
            self.data(after=[service.resource] if service.resource else []),
        )
        self.gates = self.stateful_gate(
            SupabaseGate,
            "postgres-gate",
            service,
            {
                "volume": spec.name,
                "server": context.images["postgres"].server,
                "direct_url": self.operator_url,
                "pooled_url": self.operator_url,
                "schema": SCHEMA,
                "floor": context.settings.release.postgres_floor,
            },
            after=[schema],
        )
        self.register_outputs({"address": address.operator})


def _server(context: Context, volume: Volume) -> ServiceSpec:
    return ServiceSpec(
        name="postgres",
        image=context.images["postgres"].image,
        ports=(Port("postgres", POSTGRES_PORT, context.settings.postgres.port, "postgres:port"),),
        health=HealthSpec(ExecProbe(("pg_isready", "--host=127.0.0.1", f"--username={ADMIN}", "--quiet"))),
        stop_grace=60,
        env={"POSTGRES_USER": ADMIN, "POSTGRES_DB": DATABASE, "TZ": "UTC", "PGTZ": "UTC"},
        secret_env={"POSTGRES_PASSWORD": context.secrets.postgres_admin_password},
        mounts=(Mount(volume, "/var/lib/postgresql/data"),),
        files=(File("/docker-entrypoint-initdb.d/foreign_app.sql", read("postgres/foreign_app.sql")),),
    )


def _url(user: str, password: pulumi.Output[str], address: str) -> pulumi.Output[str]:
    return pulumi.Output.secret(
        pulumi.Output.concat("postgresql://", user, ":", password, "@", address, "/", DATABASE, "?schema=", SCHEMA)
    )
