"""What the doctor looks at: addresses and keys of one stack, and a way to look into its services."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from checks.clickhouse_login import Login
from checks.s3 import S3
from checks.trace import BULL
from components import clickhouse, minio
from components.clickhouse_cluster import KEEPERS, PROXY, keeper, member
from components.gateway_config import OWN_VARIABLES
from components.langfuse import WEB, WEB_PROXY, WORKER, replicas
from components.outbound import VARIABLES as OUTBOUND
from components.postgres import ADMIN, DATABASE, ROLE, SCHEMA
from components.redis import CACHE, DEFAULT_USER
from components.relay import RELAY, RELAY_PROXY
from components.releases import Release
from ops.doctor import words
from ops.doctor.row import Part
from platforms.spec import Inspector
from settings import Settings
from settings.reserved import RESERVED

NOWHERE = "unknown.invalid"
"""Host of what is not known yet."""


@dataclass(frozen=True)
class Limits:
    """From where on something counts as trouble."""

    disk_percent: float = 80
    lag_seconds: float = 60
    lock_seconds: float = 10
    migration_lock_seconds: float = 60
    mutation_seconds: float = 600
    recent_seconds: float = 900
    """How far back errors and logs are looked at."""
    run_seconds: float = 10
    """For all rows together: longer than a driver waits for a server that hangs, since drivers say what they waited
    for."""
    waiting_jobs: int = 1000
    relay_percent: float = 50


@dataclass(frozen=True)
class Access:
    """One stack as the operator's machine reaches it."""

    stack: str
    """Its name."""
    words: words.Words
    """How a fix says what is done where this stack runs."""
    services: tuple[str, ...]
    """What the stack runs itself."""
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
    clickhouse_servers: tuple[str, ...]
    """Services of all ClickHouse servers, behind the one address."""
    clickhouse_floor: tuple[int, ...]
    direct_url: str
    pooled_url: str
    admin_url: str
    schema: str
    postgres_floor: int
    redis_address: str
    redis_user: str
    redis_password: str
    redis_tls: bool
    redis_prefix: str
    """First part of the names of Langfuse's queues."""
    redis_floor: tuple[int, ...]
    store: S3
    buckets: tuple[str, ...]
    web_url: str
    worker_url: str
    relay_url: str
    relay_metrics_url: str
    gateway_url: str
    inspector: Inspector
    limits: Limits = field(default_factory=Limits)
    plain: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Service to those of its variables that may be shown unless their names say otherwise; the rest may be keys."""
    deletions: bool = False
    """Whether Langfuse may delete what it is asked to."""
    store_is_private: bool = False
    """Whether the object store has no address outside of the private network, and is given none."""
    missing_guards: str = ""
    """Which guards of data the state lacks, in words; empty when it has all."""
    engine_locks: Path | None = None
    """Folder of the engine's locks; None where the state is not in a folder of this machine."""
    unreached: Mapping[Part, str] = field(default_factory=dict)
    """Parts that there is no way to at this moment, and why."""
    named: Callable[[str], Any] = str
    """A text with the real addresses in place of those of tunnels."""

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
            self.store.secret_key,
        ]
        return [value for value in known if value]

    def filled(self, text: str, told: Mapping[str, str] | None = None) -> str:
        """`text` with the stack's own names, those that a message `told`, and the words of its place."""
        catalog = urlsplit(self.admin_url).path.strip("/") or DATABASE
        names = {"database": self.clickhouse.database, "schema": self.schema, "catalog": catalog, **(told or {})}
        return self.words.filled(text, names)


def from_settings(
    settings: Settings,
    secret: Callable[[str], str],
    inspector: Inspector,
    *,
    stack: str = "local",
    unknown: Collection[str] = (),
    ledgers: Mapping[str, int] | None = None,
    limits: Limits | None = None,
) -> Access:
    """Access to a stack on this machine, whatever of it is up: no gate needs to have opened.

    Args:
        settings: the stack's.
        secret: generated secret by the logical name of its first generation.
        inspector: of what runs.
        stack: its name.
        unknown: stores of which neither address nor key is in the settings, as of somebody else's.
        ledgers: store to what the web image ships.
        limits: other than the usual ones.
    """

    def at(setting: str) -> str:
        host = NOWHERE if setting.partition(":")[0] in unknown else "127.0.0.1"
        return f"{host}:{settings.published_ports[setting]}"

    def key(store: str, name: str) -> str:
        return "" if store in unknown else secret(name)

    turn = settings.stack.generation
    release, postgres = settings.release, at("postgres:port")
    http, database = at("clickhouse:httpPort"), settings.clickhouse.database
    operator = Login(http, clickhouse.ADMIN, key("clickhouse", "clickhouse-admin-password"), database)

    def url(user: str, password: str) -> str:
        return f"postgresql://{user}:{password}@{postgres}/{DATABASE}?schema={SCHEMA}"

    langfuse = url(ROLE, key("postgres", "langfuse-role-password"))
    own = range(1, settings.clickhouse.replicas + 1) if "clickhouse" in settings.stores else ()
    servers = tuple(member(number) for number in own)
    around = (*(keeper(number) for number in range(1, KEEPERS + 1)), PROXY) if settings.clickhouse.clustered else ()
    others = (store for store in settings.stores if store != "clickhouse")
    cache = (CACHE,) if "redis" in settings.stores else ()
    front = (WEB_PROXY,) if settings.web.replicas > 1 else ()
    langfuse_services = (
        *replicas(WEB, settings.web.replicas),
        *front,
        *replicas(WORKER, settings.worker.replicas),
    )
    return Access(
        stack=stack,
        words=words.of(settings, stack),
        services=(*servers, *around, *others, *cache, *langfuse_services, RELAY, RELAY_PROXY, "gateway"),
        release=release,
        deletions=settings.langfuse.deletions,
        version=settings.langfuse_version,
        images=settings.image_references,
        ledgers=ledgers or {},
        clickhouse=Login(
            http, clickhouse.user_of(turn("clickhouse-password")), key("clickhouse", "clickhouse-password"), database
        ),
        operator=operator,
        native_address=at("clickhouse:nativePort"),
        clickhouse_servers=servers,
        clickhouse_floor=release.clickhouse_floor,
        direct_url=langfuse,
        pooled_url=langfuse,
        admin_url=url(ADMIN, key("postgres", "postgres-admin-password")),
        schema=SCHEMA,
        postgres_floor=release.postgres_floor,
        redis_address=at("redis:port"),
        redis_user=DEFAULT_USER,
        redis_password=key("redis", "redis-password"),
        redis_tls=False,
        redis_prefix=settings.redis.key_prefix or BULL,
        redis_floor=release.redis_floor,
        store=S3(
            at("minio:apiPort"), minio.app_user(turn("minio-app-secret-key")), key("minio", "minio-app-secret-key")
        ),
        buckets=tuple(minio.Buckets().names),
        web_url=f"http://{at('langfuse:webPort')}",
        worker_url=f"http://{at('langfuse:workerPort')}",
        relay_url=f"http://{at('relay:port')}",
        relay_metrics_url=f"http://{at('relay:metricsPort')}",
        gateway_url=f"http://{at('gateway:port')}",
        inspector=inspector,
        limits=limits or Limits(),
        plain=_plain(settings),
    )


def _plain(settings: Settings) -> dict[str, frozenset[str]]:
    langfuse = frozenset({*RESERVED, *OUTBOUND, *settings.langfuse.extra_env})
    gateway = frozenset({*OWN_VARIABLES, *OUTBOUND, *settings.gateway.env})
    return {WEB: langfuse, WORKER: langfuse, "gateway": gateway}
