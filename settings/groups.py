"""Every group of settings: `<namespace>:<key>` lives in the group whose namespace it names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from components.releases import MonitoringPart, ReleaseName, WriteMode
from secretlike import looks_like_secret
from settings.reserved import taken


def _as_text(value: object) -> object:
    """`pulumi config set --path` stores what looks like a number or a boolean as one."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


TcpPort = Annotated[int, Field(ge=1, le=65535)]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s]*$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
EnvName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
EnvValue = Annotated[str, BeforeValidator(_as_text)]
Place = Literal["internal", "external"]
"""`external`: somebody else's server, reached by the URL in the vault."""


def _without_secrets(variables: Mapping[str, str], setting: str, key: str) -> Mapping[str, str]:
    """Refuse plain variables that look like secrets, and name the place for them."""
    for name, value in variables.items():
        if looks_like_secret(name, value):
            raise ValueError(
                f"{name} looks like a secret: remove it here, then `pulumi config set --secret --path {setting}.{name} "
                f"<value>`, or put it into {key} of the vault"
            )
    return variables


LimitName = Literal[
    "backup_age_hours",
    "certificate_days",
    "connections_percent",
    "disk_percent",
    "events_per_second",
    "failed_jobs",
    "forecast_days",
    "gateway_errors_percent",
    "memory_percent",
    "parts_percent",
    "secret_age_days",
    "waiting_jobs",
    "waiting_seconds",
    "watch_silent_seconds",
]
"""A threshold of components/files/monitoring/limits.yaml."""
Rotatable = Literal[
    "clickhouse-password",
    "gateway-master-key",
    "langfuse-keys",
    "langfuse-role-password",
    "minio-app-secret-key",
    "nextauth-secret",
    "redis-password",
]
"""Secrets that may be exchanged for new ones; `langfuse-keys` is the project's public and secret key."""


class Group(BaseModel):
    """A namespace of settings. Field names are written in camel case in the stack file."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)
    namespace: ClassVar[str]


class StackSettings(Group):
    """How and where the whole stack runs."""

    namespace = "langfuse-stack"
    platform: Literal["docker", "fly"] = "docker"
    phases: Literal["parallel", "strict"] = "parallel"
    running: bool = True
    instance: Slug = "langfuse"
    secrets: Literal["generated", "vault"] = "generated"
    """`vault`: what the vault file holds is used; the rest is generated."""
    vault: Path = Path("vault/hotrodan/llm-gateway-secrets.json")
    """Relative to the project's folder."""
    single_machine: bool = False
    """Whether no other machine ever works on the stack: then its state may be a folder here, whatever the platform."""
    upgrading: bool = False
    """Whether this run may put a new major release over data; `upgrade` says so for its own."""
    rotations: Mapping[Rotatable, Annotated[int, Field(ge=1, le=1000)]] = {}
    """Secret to the generation in use; what is not listed is in its first."""
    rotating: Rotatable | None = None
    """The secret under rotation: where the part can, the generation before the one in use is accepted too."""

    def generation(self, secret: str) -> int:
        """The generation of a secret that is in use."""
        return self.generations.get(secret, 1)

    @property
    def generations(self) -> dict[str, int]:
        """Rotated secret to the generation in use."""
        return {str(name): number for name, number in self.rotations.items()}


class ClickHouseSettings(Group):
    """ClickHouse, which holds traces."""

    namespace = "clickhouse"
    http_port: TcpPort = 8123
    native_port: TcpPort = 9000
    image: str | None = None
    replicas: Annotated[int, Field(ge=1, le=3)] = 1
    """Servers that hold the same rows; decided when the stack is made."""
    database: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")] = "langfuse"
    volume_gb: Annotated[int, Field(ge=1)] = 25
    memory_ratio: Annotated[float, Field(gt=0.1, le=0.9)] = 0.6
    query_log_ttl_days: Annotated[int, Field(ge=1)] = 7

    @property
    def clustered(self) -> bool:
        """Whether there is more than one server."""
        return self.replicas > 1


class MinioSettings(Group):
    """MinIO, which holds raw events, media and exports."""

    namespace = "minio"
    public_url: Url | None = None
    """Where browsers and SDKs reach media and exports: `https://…`, or `http://localhost:<port>`."""
    api_port: TcpPort = 9090
    console_port: TcpPort = 9091
    image: str | None = None
    volume_gb: Annotated[int, Field(ge=1)] = 25


class PostgresSettings(Group):
    """Postgres, which holds projects, users and keys."""

    namespace = "postgres"
    place: Place = "internal"
    connection_limit: Annotated[int, Field(ge=1, le=100)] = 5
    """Connections of each Langfuse service through a transaction pooler."""
    port: TcpPort = 5432
    image: str | None = None
    volume_gb: Annotated[int, Field(ge=1)] = 10
    event_trigger: bool = True
    """Whether the stack's own server refuses to drop anything outside Langfuse's schema."""


class RedisSettings(Group):
    """Redis, which holds the ingestion queue."""

    namespace = "redis"
    place: Place = "internal"
    key_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9:_-]*$")] = ""
    """Sets Langfuse's keys apart in a Redis that it shares."""
    port: TcpPort = 6379
    image: str | None = None
    volume_gb: Annotated[int, Field(ge=1)] = 5


class Organization(Group):
    """The organization created at first start."""

    id: Slug = "hurriyet"
    name: str = "Hurriyet Partisi"


class Project(Group):
    """The project created at first start, whose keys the gateway uses."""

    id: Slug = "ai-gateway"
    name: str = "ai-gateway"


class Owner(Group):
    """The first user. The password is generated."""

    email: Email = "admin@hurriyetpartisi.org"
    name: str = "Admin"


class LangfuseSettings(Group):
    """Langfuse web and worker."""

    namespace = "langfuse"
    release: ReleaseName = "3"
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] | None = None
    write_mode: WriteMode | None = None
    """Which tables release 4 writes; without, its own. Release 3 has no choice."""
    backfill: bool = True
    """Whether release 4 copies what release 3 wrote into its own tables; it does so once."""
    web_image: str | None = None
    worker_image: str | None = None
    web_port: TcpPort = 3000
    worker_port: TcpPort = 3030
    public_url: Url | None = None
    sign_up: bool = False
    deletions: bool = False
    """Whether Langfuse may delete rows and objects; without, a deletion is answered with 200 and refused later."""
    telemetry: bool = False
    log_level: Literal["trace", "debug", "info", "warn", "error"] = "info"
    organization: Organization = Organization()
    project: Project = Project()
    owner: Owner = Owner()
    extra_env: Mapping[EnvName, EnvValue] = {}
    secret_env: Mapping[EnvName, EnvValue] = {}
    """As `extra_env`, for what nobody may read: the client secret of a sign-in provider, a mail server's URL."""

    @field_validator("extra_env", "secret_env")
    @classmethod
    def _nothing_that_the_stack_sets(cls, variables: Mapping[str, str], field: ValidationInfo) -> Mapping[str, str]:
        if found := taken(variables):
            path = f"langfuse:{to_camel(str(field.field_name))}"
            raise ValueError(f"{found}; take it out here (`pulumi config rm --path '{path}.<name>'`)")
        return variables

    @field_validator("extra_env")
    @classmethod
    def _nothing_secret(cls, variables: Mapping[str, str]) -> Mapping[str, str]:
        return _without_secrets(variables, "langfuse:secretEnv", "LANGFUSE_ENV")

    @field_validator("write_mode")
    @classmethod
    def _only_release_4_has_a_choice(cls, mode: WriteMode | None, known: ValidationInfo) -> WriteMode | None:
        if mode and known.data.get("release") == "3":
            raise ValueError("release 3 writes one way only: `pulumi config rm langfuse:writeMode`")
        return mode


class WebSettings(Group):
    """How many Langfuse webs serve; the first one migrates."""

    namespace = "web"
    replicas: Annotated[int, Field(ge=1, le=8)] = 1


class WorkerSettings(Group):
    """How many workers take traces from the queue."""

    namespace = "worker"
    replicas: Annotated[int, Field(ge=1, le=8)] = 1


class ProxySettings(Group):
    """HAProxy: the one address in front of several servers."""

    namespace = "proxy"
    image: str | None = None


class MonitoringSettings(Group):
    """Prometheus, Alertmanager and their exporters."""

    namespace = "monitoring"
    enabled: bool = False
    prometheus_port: TcpPort = 9095
    alertmanager_port: TcpPort = 9093
    pushgateway_port: TcpPort = 9094
    interval_seconds: Annotated[int, Field(ge=1, le=120)] = 15
    """Between two scrapes and two evaluations; the times of all rules become longer or shorter with it."""
    retention_days: Annotated[int, Field(ge=1)] = 30
    volume_gb: Annotated[int, Field(ge=1)] = 5
    memory_mb: Annotated[int, Field(ge=128)] = 512
    """Of Prometheus."""
    limits: Mapping[LimitName, Annotated[float, Field(ge=0)]] = {}
    """Thresholds of alerts, of `status --capacity` and of `watch`, other than the usual ones."""
    webhook_url: Url | None = None
    mail_to: Email | None = None
    mail_from: Email | None = None
    mail_server: Annotated[str, Field(pattern=r"^[^\s:]+:\d+$")] | None = None
    mail_user: str | None = None
    mail_password: str | None = None
    images: Mapping[MonitoringPart, str] = {}

    @model_validator(mode="after")
    def _mail_is_whole(self) -> "MonitoringSettings":
        mail = {"mailTo": self.mail_to, "mailFrom": self.mail_from, "mailServer": self.mail_server}
        missing = [f"monitoring:{name}" for name, value in mail.items() if not value]
        if 0 < len(missing) < len(mail):
            raise ValueError(f"mail needs {' and '.join(missing)} too")
        return self


class Model(Group):
    """One model the gateway serves."""

    name: str
    """Name that clients ask for."""
    model: str
    """LiteLLM's provider/model, for example `openai/gpt-4o`."""
    api_base: Url | None = None
    api_key_env: EnvName | None = None
    """Variable of `gateway:providerKeys` that holds the provider's key."""
    params: Mapping[str, JsonValue] = {}
    """Further `litellm_params`, named as LiteLLM names them, for example `api_version`."""
    model_info: Mapping[str, JsonValue] = {}


class GatewaySettings(Group):
    """The LiteLLM gateway."""

    namespace = "gateway"
    public_url: Url | None = None
    """Where applications outside of the private network reach it."""
    port: TcpPort = 4000
    image: str | None = None
    tracing: bool = True
    """False takes Langfuse out of the gateway and leaves everything else as it is."""
    callback: Literal["langfuse_otel", "langfuse"] = "langfuse_otel"
    export_delay_ms: Annotated[int, Field(ge=50, le=30000)] = 500
    config: Path | Mapping[str, JsonValue] | None = None
    """An own `litellm.config.yaml`: its path, relative to the project's folder, or its content."""
    models: tuple[Model, ...] = ()
    env: Mapping[EnvName, EnvValue] = {}
    """Further variables of the gateway, which may be seen."""
    provider_keys: Mapping[EnvName, EnvValue] = {}

    @field_validator("env")
    @classmethod
    def _nothing_secret(cls, variables: Mapping[str, str]) -> Mapping[str, str]:
        return _without_secrets(variables, "gateway:providerKeys", "PROVIDER_KEYS")

    cache_ttl_seconds: Annotated[int, Field(ge=1)] = 600
    replicas: Annotated[int, Field(ge=1, le=8)] = 1
    """Machines of its app on Fly; on Docker there is one container."""
