"""What the doctor looks at: addresses and keys of one stack, and a way to look into its services."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from checks.clickhouse_login import Login
from components import clickhouse, minio
from components.clickhouse_cluster import member
from components.postgres import ADMIN, DATABASE, ROLE, SCHEMA
from components.releases import Release
from components.secrets import generation
from ops.doctor.looks import Looks
from ops.session import RefusedError, Session
from ops.state import read_state
from settings import Settings, SettingsError, images


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
    clickhouse_servers: tuple[str, ...]
    """Services of all ClickHouse servers, behind the one address."""
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
    gateway_url: str
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
        ]
        return [value for value in known if value]

    def filled(self, text: str) -> str:
        """`text` with the stack's own names in its placeholders."""
        names = {"instance": self.instance, "database": self.clickhouse.database, "schema": self.schema}
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def from_settings(
    settings: Settings,
    secret: Callable[[str], str],
    looks: Looks,
    *,
    address: Callable[[str], str] | None = None,
    ledgers: Mapping[str, int] | None = None,
    limits: Limits | None = None,
) -> Access:
    """Access to a stack, whatever of it is up: no gate needs to have opened.

    Args:
        settings: the stack's.
        secret: generated secret by the logical name of its first generation.
        looks: how to look into its services.
        address: `host:port` by the setting that publishes it; on this machine's loopback if None.
        ledgers: store to what the web image ships.
        limits: other than the usual ones.
    """
    at = address or (lambda setting: f"127.0.0.1:{settings.published_ports[setting]}")
    turn = settings.stack.generation
    release, postgres = settings.release, at("postgres:port")
    http, database = at("clickhouse:httpPort"), settings.clickhouse.database
    operator = Login(http, clickhouse.ADMIN, secret("clickhouse-admin-password"), database)

    def url(user: str, password: str) -> str:
        return f"postgresql://{user}:{password}@{postgres}/{DATABASE}?schema={SCHEMA}"

    langfuse = url(ROLE, secret("langfuse-role-password"))
    return Access(
        instance=settings.stack.instance,
        release=release,
        version=settings.langfuse_version,
        images=settings.image_references,
        ledgers=ledgers or {},
        clickhouse=Login(
            http, clickhouse.user_of(turn("clickhouse-password")), secret("clickhouse-password"), database
        ),
        operator=operator,
        native_address=at("clickhouse:nativePort"),
        clickhouse_servers=tuple(member(number) for number in range(1, settings.clickhouse.replicas + 1)),
        clickhouse_floor=release.clickhouse_floor,
        direct_url=langfuse,
        pooled_url=langfuse,
        admin_url=url(ADMIN, secret("postgres-admin-password")),
        schema=SCHEMA,
        postgres_floor=release.postgres_floor,
        redis_address=at("redis:port"),
        redis_password=secret("redis-password"),
        redis_floor=release.redis_floor,
        store_address=at("minio:apiPort"),
        store_access_key=minio.app_user(turn("minio-app-secret-key")),
        store_secret_key=secret("minio-app-secret-key"),
        buckets=tuple(minio.Buckets().names),
        web_url=f"http://{at('langfuse:webPort')}",
        worker_url=f"http://{at('langfuse:workerPort')}",
        gateway_url=f"http://{at('gateway:port')}",
        looks=looks,
        limits=limits or Limits(),
    )


def of_session(session: Session) -> Access:
    """Access to the session's stack.

    Raises:
        RefusedError: it is not on this machine, or not all of it.
        OpsError: it was never put up.
    """
    from ops.doctor.docker_looks import DockerLooks

    _require_here(session.settings)
    state = read_state(session, show_secrets=True)
    in_use = session.settings.stack.generation
    return from_settings(
        session.settings,
        lambda name: str(state.output(generation(name, in_use(name)), "result")),
        DockerLooks(session.settings.stack.instance),
        ledgers=_shipped(session),
    )


def _require_here(settings: Settings) -> None:
    """Refuse a stack that would be looked for where it is not."""
    if settings.stack.platform != "docker":
        elsewhere = f"is on {settings.stack.platform.capitalize()}"
        log = f"fly logs --no-tail -a {settings.fly_app('langfuse-web')}"
    elif external := [part for part in ("postgres", "redis") if part not in settings.stores]:
        elsewhere = f"has its {' and '.join(map(str.capitalize, external))} elsewhere"
        log = f"docker logs {settings.stack.instance}-langfuse-web 2>&1"
    else:
        return
    raise RefusedError(
        f"the doctor looks into containers of this machine, and this stack {elsewhere}: `python -m ops status` and "
        f"`python -m ops smoke` look there, and the doctor explains its logs: `{log} | python -m ops doctor -`"
    )


def _shipped(session: Session) -> Mapping[str, int]:
    try:
        return images(session.settings, session.environment)["langfuse-web"].ledgers or {}
    except SettingsError:
        return {}


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
