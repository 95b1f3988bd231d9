"""Everything the program was told, and what follows from it."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from components.releases import MONITORING, RELEASES, Release, references
from platforms.facts import FACTS, PlatformFacts
from settings.fly import MACHINES, PROXIES, FlySettings, Machine
from settings.groups import (
    ClickHouseSettings,
    GatewaySettings,
    Group,
    LangfuseSettings,
    MinioSettings,
    MonitoringSettings,
    PostgresSettings,
    ProxySettings,
    RedisSettings,
    RelaySettings,
    S3Settings,
    StackSettings,
    WebSettings,
    WorkerSettings,
)
from settings.memory import fitted, kind_of, machine_mb
from settings.recorded import NOTHING, Recorded
from settings.switches import Switch

GROUPS: tuple[type[Group], ...] = (
    StackSettings,
    ClickHouseSettings,
    MinioSettings,
    S3Settings,
    PostgresSettings,
    RedisSettings,
    LangfuseSettings,
    GatewaySettings,
    FlySettings,
    WebSettings,
    WorkerSettings,
    ProxySettings,
    RelaySettings,
    MonitoringSettings,
)


class Settings(BaseModel):
    """Everything the program was told."""

    model_config = ConfigDict(frozen=True)
    stack: StackSettings
    clickhouse: ClickHouseSettings
    minio: MinioSettings
    s3: S3Settings
    postgres: PostgresSettings
    redis: RedisSettings
    langfuse: LangfuseSettings
    gateway: GatewaySettings
    fly: FlySettings
    web: WebSettings
    worker: WorkerSettings
    proxy: ProxySettings
    relay: RelaySettings
    monitoring: MonitoringSettings
    switches: tuple[Switch, ...] = ()
    """Settings that an operator holds at another value than the settings file's; they are in force above."""
    recorded: Recorded = NOTHING
    """What the stack's state says of the runs before."""

    @property
    def is_shared(self) -> bool:
        """Whether several people and machines act on what the platform runs."""
        return self.platform.shared

    @property
    def platform(self) -> PlatformFacts:
        """What holds for every stack on the platform that this one runs on."""
        return FACTS[self.stack.platform]

    @property
    def release(self) -> Release:
        """Facts about the chosen Langfuse release, with rows written as the settings say."""
        chosen = RELEASES[self.langfuse.release]
        return chosen.written(self.langfuse.write_mode, backfill=self.langfuse.backfill)

    @property
    def langfuse_version(self) -> str:
        """Exact Langfuse version."""
        return self.langfuse.version or self.release.version

    @property
    def owner_email(self) -> str:
        """E-mail of the first user. Another one than the stack has would make a second owner."""
        return self.langfuse.owner.email or self.recorded.owner_email or "owner@example.com"

    @property
    def langfuse_url(self) -> str:
        """Where people and SDKs reach Langfuse."""
        return self.langfuse.public_url or f"http://localhost:{self.langfuse.web_port}"

    @property
    def gateway_url(self) -> str | None:
        """Where applications outside of the private network reach the gateway; None where they cannot."""
        return self.gateway.public_url.rstrip("/") if self.gateway.public_url else self.app_url("gateway")

    @property
    def image_references(self) -> dict[str, str]:
        """Image reference of every service, overrides applied."""
        overrides: dict[str, str | None] = {
            "clickhouse": self.clickhouse.image,
            "minio": self.minio.image,
            "postgres": self.postgres.image,
            "redis": self.redis.image,
            "langfuse-web": self.langfuse.web_image,
            "langfuse-worker": self.langfuse.worker_image,
            "litellm": self.gateway.image,
            "proxy": self.proxy.image,
            "relay": self.relay.image,
            **{str(part): image for part, image in self.monitoring.images.items()},
        }
        given = {service: reference for service, reference in overrides.items() if reference}
        wanted = references(self.release, self.langfuse.version, given)
        return {name: image for name, image in wanted.items() if self.monitored or name not in MONITORING}

    @property
    def monitored(self) -> bool:
        """Whether the stack has a Prometheus of its own: Fly has one for all."""
        return self.monitoring.enabled and not self.platform.prometheus

    @property
    def published_ports(self) -> dict[str, int]:
        """Setting to port, for every port the stack publishes on this machine."""
        stores = (self.clickhouse, self.minio, self.postgres, self.redis)
        return {
            f"{group.namespace}:{to_camel(name)}": getattr(group, name)
            for group in (
                *(*stores, self.langfuse, self.gateway, self.relay),
                *((self.monitoring,) if self.monitored else ()),
            )
            for name in type(group).model_fields
            if name == "port" or name.endswith("_port")
        }

    @property
    def external(self) -> dict[str, str]:
        """Parts that hold data and are somebody else's, each with the setting that says so."""
        places = {
            "clickhouse": ("clickhouse:place", self.clickhouse.place),
            "minio": ("s3:place", self.s3.place),
            "postgres": ("postgres:place", self.postgres.place),
            "redis": ("redis:place", self.redis.place),
        }
        return {part: setting for part, (setting, place) in places.items() if place == "external"}

    @property
    def stores(self) -> list[str]:
        """Parts that hold data and are the stack's own."""
        return [part for part in ("clickhouse", "minio", "postgres", "redis") if part not in self.external]

    def volume(self, store: str) -> str:
        """Physical name of a store's volume."""
        return f"{self.stack.instance.replace('-', '_')}_{store}_data"

    def replicas(self, service: str) -> int:
        """Machines of a service's app on Fly."""
        counts = {
            "langfuse-web": self.web.replicas,
            "langfuse-worker": self.worker.replicas,
            "gateway": self.gateway.replicas,
            "clickhouse-proxy": PROXIES,
        }
        return counts.get(service, 1)

    def cluster_volumes(self, keepers: int) -> tuple[list[str], list[str]]:
        """Physical names of the volumes of ClickHouse's further servers, and of its keepers; none without a cluster."""
        if not self.clickhouse.clustered:
            return [], []
        servers = [self.volume(f"clickhouse_{number}") for number in range(2, self.clickhouse.replicas + 1)]
        return servers, [self.volume(f"keeper_{number}") for number in range(1, keepers + 1)]

    def memory_mb(self, service: str) -> int:
        """Memory limit of a service in MB: its share of this machine; on Fly each has a machine of its own."""
        if self.platform.machine_per_service:
            return self.fly_machine(service).memory_mb
        return fitted(machine_mb(), self.stack.memory_mb)[kind_of(service)]

    def fly_app(self, service: str) -> str:
        """Fly app of a service."""
        return self.fly.apps.get(service, f"{self.stack.instance}-{service}")

    def app_url(self, service: str) -> str | None:
        """Address on the internet of a service's app on Fly; None where it has none."""
        public = self.platform.internet and service in self.fly.public
        return f"https://{self.fly_app(service)}.fly.dev" if public else None

    def fly_machine(self, service: str) -> Machine:
        """Size of a service's machine on Fly; a replica is as large as the first, unless it has a size of its own."""
        sizes = {**MACHINES, **self.fly.machines}
        return sizes.get(service) or sizes[kind_of(service)]
