"""Postgres addresses as Prisma reads them: `schema` and `pgbouncer` decide where unqualified names point."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 5432
CONNECT_TIMEOUT_SECONDS = 5
PASSED_ON = {"connect_timeout", "application_name", "options"}
SSL_MODES = {"disable", "prefer", "require"}


class DatabaseUrlError(Exception):
    """The address cannot be understood; the message carries Prisma's error code, never the address."""


@dataclass(frozen=True)
class DatabaseUrl:
    """One Postgres address.

    Attributes:
        connection: Arguments of a libpq connection; holds the password.
        schema: Schema that holds every object; `public` unless the URL says otherwise.
        pgbouncer: With a pooler in between no search path is set, so unqualified names go where the role's does.
        connection_limit: Size of the pool, if the URL limits it.
    """

    connection: Mapping[str, str | int] = field(repr=False)
    schema: str
    pgbouncer: bool
    connection_limit: int | None

    @property
    def place(self) -> str:
        """`host:port`, for messages."""
        return f"{self.connection['host']}:{self.connection['port']}"


def parse_database_url(url: str) -> DatabaseUrl:
    """Read a Prisma-style address.

    Raises:
        DatabaseUrlError: P1012 for a scheme that is not Postgres', P1013 for anything that is no URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
    except ValueError as error:
        raise DatabaseUrlError(
            "P1013: The provided database string is invalid: invalid port number in database URL"
            " (reserved characters in the password must be percent-encoded)"
        ) from error
    if parts.scheme not in {"postgresql", "postgres"}:
        raise DatabaseUrlError("P1012: the URL must start with the protocol `postgresql://` or `postgres://`")
    if not parts.hostname or parts.fragment:
        raise DatabaseUrlError("P1013: The provided database string is invalid: empty host in database URL")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    connection: dict[str, str | int] = {
        "host": query.get("host", parts.hostname),
        "port": port,
        "dbname": unquote(parts.path.lstrip("/")) or "postgres",
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    }
    if parts.username:
        connection["user"] = unquote(parts.username)
    if parts.password:
        connection["password"] = unquote(parts.password)
    connection.update({name: value for name, value in query.items() if name in PASSED_ON})
    connection.update(_tls(query))
    limit = query.get("connection_limit", "")
    return DatabaseUrl(
        connection=connection,
        schema=query.get("schema") or "public",
        pgbouncer=query.get("pgbouncer") == "true",
        connection_limit=int(limit) if limit.isdigit() and int(limit) > 0 else None,
    )


def _tls(query: Mapping[str, str]) -> dict[str, str]:
    """Prisma verifies a certificate with `sslaccept=strict` alone, and takes an unknown mode for `prefer`."""
    mode = query.get("sslmode", "prefer")
    if mode == "require" and query.get("sslaccept") == "strict":
        return {"sslmode": "verify-full", "sslrootcert": query.get("sslcert", "system")}
    return {"sslmode": mode if mode in SSL_MODES else "prefer"}


def assemble_database_url(variables: Mapping[str, str]) -> str | None:
    """The address that the entrypoint uses: DATABASE_URL, else one made of DATABASE_HOST and its companions.

    The parts are joined as they are, as the real entrypoint does: a password with reserved characters breaks it.
    """
    if variables.get("DATABASE_URL"):
        return variables["DATABASE_URL"]
    host, user = variables.get("DATABASE_HOST"), variables.get("DATABASE_USERNAME")
    password, name = variables.get("DATABASE_PASSWORD"), variables.get("DATABASE_NAME")
    if not (host and user and password and name):
        return None
    arguments = variables.get("DATABASE_ARGS")
    address = f"postgresql://{user}:{password}@{host}/{name}"
    return f"{address}?{arguments}" if arguments else address
