"""Postgres: a volume, a server that also holds somebody else's schema, and Langfuse's own schema and confined role."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from checks.base import CheckResource
from checks.supabase import LangfuseSchema, SupabaseGate
from components.base import Component
from components.releases import Image
from components.templates import read
from platforms.spec import ExecProbe, File, HealthSpec, Mount, Platform, Port, ServiceSpec, VolumeSpec

POSTGRES_PORT = 5432
ADMIN = "postgres"
DATABASE = "postgres"
SCHEMA = "langfuse"
ROLE = "langfuse"


@dataclass(frozen=True)
class PostgresArgs:
    """What makes one stack's Postgres differ from another's."""

    image: Image
    admin_password: pulumi.Output[str]
    role_password: pulumi.Output[str]
    owner: pulumi.Output[str]
    """Id of the stack."""
    data_keys: pulumi.Output[str]
    """Fingerprint of the keys that data is written with."""
    volume: VolumeSpec
    port: int
    event_trigger: bool
    """Whether nobody may drop or rewrite what is outside Langfuse's schema, its owner included."""
    floor: int
    """Oldest major version the Langfuse release runs on."""


class Postgres(Component):
    """A Postgres server with Langfuse's schema in it.

    Args:
        args: see `PostgresArgs`.
        platform: where it runs.
        after: gates that must be proven first.
    """

    schema = SCHEMA
    direct_url: pulumi.Output[str]
    """For migrations, from inside the private network (secret)."""
    pooled_url: pulumi.Output[str]
    """For run time, from inside the private network (secret)."""
    operator_url: pulumi.Output[str]
    """As Langfuse's role, from the operator's machine (secret)."""
    operator_admin_url: pulumi.Output[str]
    """As a role that may read the whole catalog, from the operator's machine (secret)."""
    gates: list[CheckResource]

    def __init__(self, args: PostgresArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("postgres", after)
        volume = platform.volume("postgres-data", args.volume, self.data())
        service = platform.service(
            "postgres",
            ServiceSpec(
                name="postgres",
                image=args.image.image,
                ports=(Port("postgres", POSTGRES_PORT, args.port, "postgres:port"),),
                health=HealthSpec(ExecProbe(("pg_isready", "--host=127.0.0.1", f"--username={ADMIN}", "--quiet"))),
                stop_grace=60,
                env={"POSTGRES_USER": ADMIN, "POSTGRES_DB": DATABASE, "TZ": "UTC", "PGTZ": "UTC"},
                secret_env={"POSTGRES_PASSWORD": args.admin_password},
                mounts=(Mount(volume, "/var/lib/postgresql/data"),),
                files=(File("/docker-entrypoint-initdb.d/foreign_app.sql", read("postgres/foreign_app.sql")),),
            ),
            self.child(),
        )
        address = service.addresses["postgres"]
        self.direct_url = self.pooled_url = _url(ROLE, args.role_password, address.internal)
        self.operator_url = _url(ROLE, args.role_password, address.operator)
        self.operator_admin_url = _url(ADMIN, args.admin_password, address.operator)
        schema = LangfuseSchema(
            "langfuse-schema",
            {
                "admin_url": self.operator_admin_url,
                "schema": SCHEMA,
                "role": ROLE,
                "role_password": args.role_password,
                "owner": args.owner,
                "data_keys": args.data_keys,
                "event_trigger": args.event_trigger,
            },
            self.data(after=[service.resource] if service.resource else []),
        )
        self.gates = self.prove_data(
            SupabaseGate,
            "postgres-gate",
            service,
            {
                "volume": args.volume.name,
                "server": args.image.server,
                "direct_url": self.operator_url,
                "pooled_url": self.operator_url,
                "schema": SCHEMA,
                "floor": args.floor,
            },
            after=[schema],
        )
        self.register_outputs({"address": address.operator})


def _url(user: str, password: pulumi.Output[str], address: str) -> pulumi.Output[str]:
    return pulumi.Output.secret(
        pulumi.Output.concat("postgresql://", user, ":", password, "@", address, "/", DATABASE, "?schema=", SCHEMA)
    )
