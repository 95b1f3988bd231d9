"""Proof that the gateway's database takes its login and is not somebody else's, Langfuse's least of all."""

from checks.base import CheckFailedError, CheckProvider, CheckResource, Evidence, Inputs
from checks.postgres import connection, parsed, query, server_version

LITELLM = "LiteLLM_%"
"""How the names of LiteLLM's tables begin."""


class GatewayDatabaseProvider(CheckProvider):
    """See `GatewayDatabaseGate`."""

    label = "gate gateway-database"
    libraries = ("psycopg",)
    secrets = ("url",)
    keys = ("url",)

    def probe(self, inputs: Inputs) -> Evidence:
        schema = parsed(inputs["url"], "of the gateway").parameter("schema") or "public"
        with connection(inputs["url"], "of the gateway") as db:
            tables, migrated = query(db, "gateway_database.sql", {"schema": schema, "own": LITELLM})[0]
            if migrated and not tables:
                raise CheckFailedError(
                    f"tables of schema {schema}",
                    "another application's, which migrates them with Prisma as LiteLLM does; Langfuse is one",
                    "give the gateway a database of its own, or another schema with ?schema=NAME: nothing was changed",
                    final=True,
                )
            return {"version": server_version(db), "schema": schema, "tables": tables}


class GatewayDatabaseGate(CheckResource, module="checks", name="GatewayDatabase"):
    """The gateway's database takes its login, and its schema is empty or LiteLLM's.

    Args:
        inputs: `url` (secret).
    """

    provider = GatewayDatabaseProvider
