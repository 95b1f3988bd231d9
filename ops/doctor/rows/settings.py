"""Rows about what Langfuse is told: names that nothing reads, and values that must agree."""

import json
from collections.abc import Mapping
from functools import cache

from checks.trust import FURTHER_VARIABLES, VARIABLE
from ops.doctor.access import Access
from ops.doctor.looks import environment
from ops.doctor.row import Part, Row, Seen, fine, wrong
from ops.session import ROOT

NAMES = ROOT / "components" / "files" / "langfuse-env-names.json"
READ_OUTSIDE = frozenset(
    {
        "CLICKHOUSE_MIGRATION_SSL",
        "CLICKHOUSE_MIGRATION_URL",
        "DATABASE_ARGS",
        "DATABASE_HOST",
        "DATABASE_NAME",
        "DATABASE_PASSWORD",
        "DATABASE_USERNAME",
        "DIRECT_URL",
        "HTTP_PROXY",
        "LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED",
        "LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED",
        "NODE_EXTRA_CA_CERTS",
        "NODE_OPTIONS",
        "NODE_TLS_REJECT_UNAUTHORIZED",
        "NO_PROXY",
        "TZ",
        VARIABLE,
        *FURTHER_VARIABLES,
    }
)
"""Read by the entrypoints, the migration tools, or Node rather than by Langfuse's own code."""
INSTEAD: Mapping[str, str] = {
    "CLICKHOUSE_HTTP_PORT": "CLICKHOUSE_URL",
    "LANGFUSE_INIT_SKIP": "nothing: creating the first project again changes nothing",
    "LANGFUSE_RETENTION_DAYS": "nothing: retention is a setting of the project in Langfuse's UI",
    "MINIO_ACCESS_KEY": "LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID",
    "MINIO_ENDPOINT": "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT",
    "MINIO_SECRET_KEY": "LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY",
    "REDIS_TLS_CA": "REDIS_TLS_CA_PATH",
    "REDIS_TLS_CERT": "REDIS_TLS_CERT_PATH",
    "REDIS_TLS_KEY": "REDIS_TLS_KEY_PATH",
    "REDIS_URL": "REDIS_CONNECTION_STRING",
    "SMTP_HOST": "SMTP_CONNECTION_URL",
    "SMTP_PASS": "SMTP_CONNECTION_URL",
    "SMTP_PORT": "SMTP_CONNECTION_URL",
    "SMTP_USER": "SMTP_CONNECTION_URL",
    "LANGFUSE_DIRECT_URL": "DIRECT_URL",
    "LANGFUSE_DATABASE_URL": "DATABASE_URL",
}
"""Names of older notes, and what is read today."""
EQUAL = frozenset(
    {
        "CLICKHOUSE_CLUSTER_ENABLED",
        "CLICKHOUSE_CLUSTER_NAME",
        "CLICKHOUSE_DB",
        "CLICKHOUSE_URL",
        "DATABASE_URL",
        "ENCRYPTION_KEY",
        "LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR",
        "LANGFUSE_MIGRATION_V4_WRITE_MODE",
        "LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES",
        "LANGFUSE_S3_EVENT_UPLOAD_BUCKET",
        "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT",
        "LANGFUSE_S3_EVENT_UPLOAD_PREFIX",
        "NEXTAUTH_URL",
        "REDIS_CONNECTION_STRING",
        "REDIS_HOST",
        "REDIS_KEY_PREFIX",
        "REDIS_PORT",
        "SALT",
    }
)
"""Variables that web and worker must be given alike."""
SERVICES = ("langfuse-web", "langfuse-worker")


@cache
def known(release: str) -> frozenset[str]:
    """Names that the release's web or worker reads."""
    lists = json.loads(NAMES.read_text(encoding="utf-8"))[release]
    return frozenset(name for names in lists.values() for name in names)


def _given(access: Access) -> dict[str, set[str]]:
    """Name to the services that are given it."""
    found: dict[str, set[str]] = {}
    for service in SERVICES:
        for name in environment(access.inspector, service):
            found.setdefault(name, set()).add(service)
    return found


def _unread(access: Access) -> dict[str, set[str]]:
    read = known(access.release.name) | READ_OUTSIDE
    return {name: services for name, services in _given(access).items() if name not in read}


def _unknown(access: Access) -> Seen:
    read = known(access.release.name) | READ_OUTSIDE
    names = sorted(name for name in _unread(access) if name.upper() not in read)
    if not names:
        return fine(f"all {len(_given(access))} names are read by release {access.release.name}")
    hints = [f"{name} (read today: {INSTEAD[name]})" if name in INSTEAD else name for name in names]
    return wrong(f"nothing of {access.version} reads {', '.join(hints)}")


def _wrong_case(access: Access) -> Seen:
    read = known(access.release.name) | READ_OUTSIDE
    names = sorted(name for name in _unread(access) if name.upper() in read)
    if names:
        return wrong(f"{', '.join(f'{name}, read as {name.upper()}' for name in names)}")
    return fine("every name is spelled as it is read")


def _differ(access: Access) -> Seen:
    web, worker = (environment(access.inspector, service) for service in SERVICES)
    names = sorted(name for name in EQUAL if web.get(name, "") != worker.get(name, ""))
    if names:
        return wrong(f"web and worker differ in {', '.join(names)}")
    return fine(f"web and worker agree in all {len(EQUAL)} that must be equal")


def _guards(access: Access) -> Seen:
    return wrong(access.missing_guards) if access.missing_guards else fine("the state has every guard of all data")


ROWS = (
    Row(
        id="settings-unknown",
        part=Part.SETTINGS,
        symptom="a setting does nothing",
        cause="its name is not one that this version reads: misspelled, or of another version",
        detected="names in the environment of web and worker against those that the release reads",
        fix="take it out of `langfuse:extraEnv` or use the name that is read, then `make up`",
        probe=_unknown,
    ),
    Row(
        id="settings-case",
        part=Part.SETTINGS,
        symptom="an old mode is still active although it was changed",
        cause="the name is right but for its case, and names are read in capitals",
        detected="the same list, compared without case",
        fix="write the name in capitals in `langfuse:extraEnv`, then `make up`",
        probe=_wrong_case,
    ),
    Row(
        id="settings-differ",
        part=Part.SETTINGS,
        symptom="keys are refused, or what web takes the worker does not find",
        cause="web and worker were started with different values of what they share",
        detected="variables that must be equal on both, compared",
        fix="start both with the stack's settings: {up langfuse-worker}",
        probe=_differ,
    ),
    Row(
        id="data-guards",
        part=Part.SETTINGS,
        symptom="plain Pulumi deletes or replaces data that it refused to touch before",
        cause="somebody ran plain Pulumi with a program that declares data without protect, retain_on_delete or the "
        "delete hook, or lifted the protection in the state",
        detected="options of all data in the stack's state, against those that the inventory lists",
        fix="`make up`, which puts them back; then find out who ran plain Pulumi: its history lists every update",
        probe=_guards,
    ),
)
