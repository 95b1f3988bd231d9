"""`schema-dedicated`: Langfuse's tables live in a schema that is its own."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policy.environment import variables
from policy.values import UNKNOWN, revealed

SCHEMA_RESOURCE = "pulumi-python:dynamic/checks:LangfuseSchema"
CHECKS = "pulumi-python:dynamic/checks:"
URLS = frozenset({"DATABASE_URL", "DIRECT_URL", "SHADOW_DATABASE_URL", "direct_url", "pooled_url"})
FOREIGN = frozenset(
    {
        *("public", "information_schema", "app"),
        *(
            "auth",
            "storage",
            "realtime",
            "_realtime",
            "graphql",
            "graphql_public",
            "extensions",
            "vault",
            "net",
            "cron",
        ),
        *("pgsodium", "pgsodium_masks", "pgbouncer", "pgmq", "supabase_functions", "supabase_migrations"),
        *("_analytics", "_supavisor", "tiger", "topology", "partman", "hdb_catalog"),
    }
)
"""Schemas that are always somebody else's: Postgres', Supabase's, those of well-known extensions, and `app`."""


def schema_dedicated(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a schema that is not Langfuse's own, and URLs that do not all lead to the same one.

    The schema itself must be known in a preview. A URL that holds a password generated in the same run is not; `up`
    judges it, before what would use it is created.
    """
    found = dict(_schemas(args))
    if args.resource_type == SCHEMA_RESOURCE and found["schema"] is UNKNOWN:
        report(f"{args.name}: the schema is known only after `up`. Give it a plain name.", args.urn)
    known = {name: schema for name, schema in found.items() if schema is not UNKNOWN}
    for name, schema in known.items():
        if not isinstance(schema, str) or not _is_dedicated(schema):
            shown = f"schema {schema!r}" if schema else "no schema, which means public"
            report(
                f"{args.name}: {name} names {shown}: that one belongs to somebody else. "
                "Give Langfuse a schema of its own, for example langfuse.",
                args.urn,
            )
    if len(set(map(str, known.values()))) > 1:
        said = ", ".join(f"{name}: {schema}" for name, schema in sorted(known.items()))
        report(
            f"{args.name} is told different schemas ({said}): migrations and run time would use different tables. "
            "Put the same `?schema=` into every URL.",
            args.urn,
        )


def _schemas(args: ResourceValidationArgs) -> Iterator[tuple[str, Any]]:
    """Where a schema is named, and which."""
    if args.resource_type.startswith(CHECKS):
        inputs = revealed(args.props)
        yield from _in_urls(inputs)
        if args.resource_type == SCHEMA_RESOURCE or any(name in inputs for name in URLS):
            yield "schema", inputs.get("schema")
    else:
        yield from _in_urls(variables(args))


def _in_urls(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in URLS & values.keys():
        url = values[name]
        yield name, url if url is UNKNOWN else _schema_of(str(url))


def _schema_of(url: str) -> str | None:
    named = parse_qs(urlsplit(url).query).get("schema")
    return named[-1] if named else None


def _is_dedicated(schema: str) -> bool:
    name = schema.strip().strip('"').lower()
    return bool(name) and name not in FOREIGN and not name.startswith("pg_")


RULE = ResourceValidationPolicy(
    name="schema-dedicated",
    description="Langfuse must use a database schema of its own, the same one through every URL.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=schema_dedicated,
)
