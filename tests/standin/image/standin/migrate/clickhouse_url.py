"""The ClickHouse migration address as Langfuse's migration script puts it together and its driver reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from standin.migrate.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 9000


@dataclass(frozen=True)
class MigrationTarget:
    """Where and how ClickHouse migrations run.

    Attributes:
        clustered: Everything but the literal `false` in CLICKHOUSE_CLUSTER_ENABLED means a cluster.
        old_server: Leave out what needs ClickHouse 25.12; the stand-in's own test-only allowance.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    secure: bool
    verify: bool
    clustered: bool
    cluster_name: str
    old_server: bool


def read_migration_target(variables: Mapping[str, str]) -> MigrationTarget:
    """Read the target from the variables.

    The password is put into the address as it is, so reserved characters change what the server gets.

    Raises:
        MigrationError: There is no address, it is not of the native protocol, or the password cuts it in two.
    """
    address = variables.get("CLICKHOUSE_MIGRATION_URL", "")
    if not address:
        raise MigrationError("CLICKHOUSE_MIGRATION_URL is not set (clickhouse://<host>:9000, the native port)")
    password = variables.get("CLICKHOUSE_PASSWORD", "")
    query = f"username={variables.get('CLICKHOUSE_USER', '')}&password={password}"
    query += f"&database={variables.get('CLICKHOUSE_DB') or 'default'}"
    if variables.get("CLICKHOUSE_MIGRATION_SSL") == "true":
        query += "&secure=true&skip_verify=true"
    try:
        parts = urlsplit(f"{address}?{query}")
        port = parts.port or DEFAULT_PORT
    except ValueError as error:
        raise MigrationError("error: failed to parse CLICKHOUSE_MIGRATION_URL: invalid port") from error
    if parts.scheme not in {"clickhouse", "tcp"}:
        raise MigrationError(f"error: database driver: unknown driver {parts.scheme} (forgotten import?)")
    seen = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return MigrationTarget(
        host=parts.hostname or "",
        port=port,
        user=seen.get("username", unquote(parts.username or "")),
        password=seen.get("password", ""),
        database=seen.get("database", "default"),
        secure=seen.get("secure") == "true",
        verify=seen.get("skip_verify") != "true",
        clustered=variables.get("CLICKHOUSE_CLUSTER_ENABLED") != "false",
        cluster_name=variables.get("CLICKHOUSE_CLUSTER_NAME") or "default",
        old_server=variables.get("LANGFUSE_STANDIN_OLD_CLICKHOUSE") == "true",
    )
