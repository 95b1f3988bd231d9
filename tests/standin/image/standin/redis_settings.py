"""Where Redis is: one connection string, or a host with its companions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from standin.environment import EnvironmentReader

DEFAULT_PORT = 6379
SHORTEST_SOCKET_TIMEOUT_MS = 10_000


@dataclass(frozen=True)
class RedisSettings:
    """One Redis server.

    Attributes:
        key_prefix: Put before every key; it also replaces the queues' prefix `bull`.
        socket_timeout: Seconds without an answer after which a connection counts as dead; None waits for ever.
    """

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    database: int
    tls: bool
    tls_ca_path: str | None
    tls_cert_path: str | None
    tls_key_path: str | None
    tls_verify: bool
    key_prefix: str
    socket_timeout: float | None

    @property
    def queue_prefix(self) -> str:
        """First part of every queue's keys."""
        return self.key_prefix or "bull"


def read_redis(reader: EnvironmentReader) -> RedisSettings:
    """Read either form; the connection string wins."""
    for name in ("REDIS_CLUSTER_ENABLED", "REDIS_SENTINEL_ENABLED"):
        if reader.switch(name, default=False):
            reader.refuse(name, "the stand-in speaks to a single Redis server only")
    connection_string = reader.text("REDIS_CONNECTION_STRING")
    host = reader.text("REDIS_HOST")
    port = reader.integer("REDIS_PORT", DEFAULT_PORT, minimum=1)
    tls = reader.switch("REDIS_TLS_ENABLED", default=False)
    username, password, database = reader.text("REDIS_USERNAME"), reader.text("REDIS_AUTH"), 0
    if connection_string is not None:
        try:
            parts = urlsplit(connection_string)
            host, port = parts.hostname, parts.port or DEFAULT_PORT
            database = int(parts.path.lstrip("/") or "0")
        except ValueError:
            host = None
        else:
            username = unquote(parts.username) if parts.username else None
            password = unquote(parts.password) if parts.password else None
            tls = tls or parts.scheme == "rediss"
        if host is None or not connection_string.startswith(("redis://", "rediss://")):
            reader.refuse("REDIS_CONNECTION_STRING", "Invalid url (reserved characters must be percent-encoded)")
    elif host is None:
        reader.refuse("REDIS_CONNECTION_STRING", "Required, unless REDIS_HOST is set")
    else:
        password = password or "undefined"  # what Langfuse sends for a host without REDIS_AUTH
    timeout_ms = reader.integer("REDIS_SOCKET_TIMEOUT_MS", 30_000)
    if 0 < timeout_ms < SHORTEST_SOCKET_TIMEOUT_MS:
        reader.refuse("REDIS_SOCKET_TIMEOUT_MS", f"must be 0 or at least {SHORTEST_SOCKET_TIMEOUT_MS}")
    return RedisSettings(
        host=host or "",
        port=port,
        username=username,
        password=password,
        database=database,
        tls=tls,
        tls_ca_path=reader.text("REDIS_TLS_CA_PATH"),
        tls_cert_path=reader.text("REDIS_TLS_CERT_PATH"),
        tls_key_path=reader.text("REDIS_TLS_KEY_PATH"),
        tls_verify=reader.switch("REDIS_TLS_REJECT_UNAUTHORIZED", default=True),
        key_prefix=reader.text("REDIS_KEY_PREFIX") or "",
        socket_timeout=timeout_ms / 1000 or None,
    )
