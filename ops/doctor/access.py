"""What the doctor looks at: addresses and keys of one stack, and a way to look into its services."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from checks.clickhouse import Login
from components.releases import Release
from ops.doctor.looks import Looks
from ops.session import Session
from ops.state import read_state

Output = Callable[[str, str], Any]
"""One output of a resource, by logical name and name."""


@dataclass(frozen=True)
class Limits:
    """From where on something counts as trouble."""

    disk_percent: float = 80
    lock_seconds: float = 10
    migration_lock_seconds: float = 60
    mutation_seconds: float = 600
    recent_seconds: float = 900
    """How far back errors and logs are looked at."""
    waiting_jobs: int = 1000


@dataclass(frozen=True)
class Access:
    """One stack as the operator's machine reaches it."""

    instance: str
    release: Release
    version: str
    images: Mapping[str, str]
    """Service to image reference."""
    ledgers: Mapping[str, int]
    """Store to what the web image ships: newest ClickHouse migration, count of Postgres migrations."""
    clickhouse: Login
    """Langfuse's own login."""
    operator: Login
    """The login that may read the server's own tables."""
    native_address: str
    clickhouse_floor: tuple[int, ...]
    direct_url: str
    pooled_url: str
    admin_url: str
    schema: str
    postgres_floor: int
    redis_address: str
    redis_password: str
    redis_floor: tuple[int, ...]
    store_address: str
    store_access_key: str
    store_secret_key: str
    buckets: tuple[str, ...]
    web_url: str
    worker_url: str
    public_key: str
    secret_key: str
    gateway_url: str
    master_key: str
    looks: Looks
    limits: Limits = field(default_factory=Limits)

    @property
    def secrets(self) -> list[str]:
        """Values that no evidence may show."""
        known = [
            self.clickhouse.password,
            self.operator.password,
            self.direct_url,
            self.pooled_url,
            self.admin_url,
            self.redis_password,
            self.store_secret_key,
            self.secret_key,
            self.master_key,
        ]
        return [value for value in known if value]

    def filled(self, text: str) -> str:
        """`text` with the stack's own names in its placeholders."""
        names = {"instance": self.instance, "database": self.clickhouse.database, "schema": self.schema}
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def from_outputs(  # the state's names, in one place
    output: Output,
    *,
    instance: str,
    release: Release,
    images: Mapping[str, str],
    looks: Looks,
    limits: Limits | None = None,
) -> Access:
    """Access to a stack, from the outputs of its gates.

    Args:
        output: see `Output`.
        instance: prefix of the stack's containers.
        release: the Langfuse release.
        images: service to image reference.
        looks: how to look into its services.
        limits: other than the usual ones.
    """
    login = Login(
        output("clickhouse-gate", "http_address"),
        output("clickhouse-gate", "user"),
        output("clickhouse-gate", "password"),
        output("clickhouse-gate", "database"),
    )
    return Access(
        instance=instance,
        release=release,
        version=output("langfuse-web-gate", "version"),
        images=images,
        ledgers={store: int(count) for store, count in output("langfuse-web-gate", "ledgers").items()},
        clickhouse=login,
        operator=login,
        native_address=output("clickhouse-gate", "native_address"),
        clickhouse_floor=tuple(int(part) for part in output("clickhouse-gate", "floor")),
        direct_url=output("postgres-gate", "direct_url"),
        pooled_url=output("postgres-gate", "pooled_url"),
        admin_url=output("langfuse-schema", "admin_url"),
        schema=output("postgres-gate", "schema"),
        postgres_floor=int(output("postgres-gate", "floor")),
        redis_address=output("redis-gate", "address"),
        redis_password=output("redis-gate", "password"),
        redis_floor=tuple(int(part) for part in output("redis-gate", "floor")),
        store_address=output("minio-gate", "endpoint"),
        store_access_key=output("minio-gate", "access_key"),
        store_secret_key=output("minio-gate", "secret_key"),
        buckets=tuple(output("minio-gate", "buckets")),
        web_url=output("langfuse-web-gate", "url"),
        worker_url=output("langfuse-worker-gate", "url"),
        public_key=output("langfuse-web-gate", "public_key"),
        secret_key=output("langfuse-web-gate", "secret_key"),
        gateway_url=output("gateway-gate", "url"),
        master_key=output("gateway-gate", "master_key"),
        looks=looks,
        limits=limits or Limits(),
    )


def of_session(session: Session) -> Access:
    """Access to the session's stack.

    Raises:
        OpsError: it was never put up.
    """
    from ops.doctor.docker_looks import DockerLooks

    instance = session.settings.stack.instance
    return from_outputs(
        read_state(session, show_secrets=True).output,
        instance=instance,
        release=session.settings.release,
        images=session.settings.image_references,
        looks=DockerLooks(instance),
    )


def without_password(url: str) -> str:
    """`url` with `…` for its password."""
    try:
        parts = urlsplit(url)
        if not parts.password:
            return url
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "a URL that cannot be taken apart"
    return urlunsplit(parts._replace(netloc=f"{parts.username}:…@{host}"))
