"""Every group of settings: `<namespace>:<key>` lives in the group whose namespace it names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

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
from platforms.facts import FACTS
from secretlike import looks_like_secret
from settings.memory import NEEDS
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
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
EnvName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
EnvValue = Annotated[str, BeforeValidator(_as_text)]
FORMER_PLACE = "internal"
"""What `managed` was called."""


def _place(value: object) -> object:
    return "managed" if value == FORMER_PLACE else value


Place = Annotated[Literal["managed", "external"], BeforeValidator(_place)]
"""`external`: somebody else's server, reached by what the vault says."""


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
    "relay_percent",
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


QUEUE_ON_DISK = 2
"""How much of the relay's volume a full queue takes at most, by what its spans take."""


class Group(BaseModel):
    """A namespace of settings. Field names are written in camel case in the stack file."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)
    namespace: ClassVar[str]


class StackSettings(Group):
    """How and where the whole stack runs."""

    namespace = "langfuse-stack"
    platform: Literal["docker", "fly"] = "docker"
    """Where the stack runs: Docker on this machine, or Fly.io."""
    phases: Literal["parallel", "strict"] = "parallel"
    """`strict` proves one phase after the other; `parallel` starts together what does not need each other."""
    running: bool = True
    """`false` removes containers and network and keeps all data, as `make down` does."""
    instance: Slug = "langfuse"
    """Prefix of containers and volumes, so that several stacks can share a machine."""
    disposable: bool = False
    """Whether `make destroy` may remove the stack with its data: only volumes that were made while it was."""
    secrets: Literal["generated", "vault"] = "generated"
    """`vault`: what the vault file holds is used; the rest is generated."""
    vault: Path = Path("vault/hotrodan/llm-gateway-secrets.json")
    """The vault file, relative to the project's folder; mode 0600. `vault/` has its schema and an example."""
    """Relative to the project's folder."""
    ca_bundle: Path | None = None
    """Certificates of authorities that services, gates and commands believe beside the public ones."""
    http_proxy: Url | None = None
    """Through which services call what is not the stack's; with a password, set it with --secret."""
    https_proxy: Url | None = None
    """The same for https; most proxies take both at one address."""
    no_proxy: Annotated[str, Field(pattern=r"^[^\s]*$")] = ""
    """Further hosts that services call without a proxy, with commas between them."""
    single_machine: bool = False
    """Whether no other machine ever works on the stack: then its state may be a folder here, whatever the platform."""
    upgrading: bool = False
    """Whether this run may put a new major release over data; `upgrade` says so for its own."""
    memory_mb: Mapping[str, Annotated[int, Field(ge=64)]] = {}
    """On Docker, service to its memory limit; what is not listed gets its share of the machine. On Fly, `fly:machines`
    says it."""
    rotations: Mapping[Rotatable, Annotated[int, Field(ge=1, le=1000)]] = {}
    """Secret to the generation in use; what is not listed is in its first."""
    rotating: Rotatable | None = None
    """The secret under rotation: where the part can, the generation before the one in use is accepted too."""

    @field_validator("memory_mb")
    @classmethod
    def _services(cls, limits: Mapping[str, int]) -> Mapping[str, int]:
        if unknown := sorted(set(limits) - set(NEEDS)):
            raise ValueError(f"{', '.join(unknown)} is no service that has a limit: {', '.join(NEEDS)} have one")
        return limits

    @property
    def proxies(self) -> dict[str, str]:
        """Variable to proxy."""
        named = {"HTTP_PROXY": self.http_proxy, "HTTPS_PROXY": self.https_proxy}
        return {name: url for name, url in named.items() if url}

    @field_validator("disposable")
    @classmethod
    def _only_on_docker(cls, disposable: bool, known: ValidationInfo) -> bool:
        platform = FACTS.get(known.data.get("platform", ""))
        if disposable and not (platform and platform.disposable):
            raise ValueError("only a stack on Docker can be disposable: `pulumi config rm langfuse-stack:disposable`")
        return disposable

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
    place: Place = "managed"
    """`external`: somebody else's ClickHouse, by `CLICKHOUSE_URL` of the vault."""
    http_port: TcpPort = 8123
    """HTTP on 127.0.0.1."""
    native_port: TcpPort = 9000
    """The native protocol on 127.0.0.1."""
    image: str | None = None
    """Another image reference than the release's."""
    replicas: Annotated[int, Field(ge=1, le=3)] = 1
    """Servers that hold the same rows; decided when the stack is made."""
    database: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")] = "langfuse"
    """Langfuse's database. It is part of where the data is: a stack with data refuses another."""
    volume_gb: Annotated[int, Field(ge=1)] = 25
    """Size of each server's volume, where a platform has sized volumes."""
    memory_ratio: Annotated[float, Field(gt=0.1, le=0.9)] = 0.8
    """Of its own memory limit: ClickHouse reads that of its container or machine."""
    query_log_ttl_days: Annotated[int, Field(ge=1)] = 7
    """Days that ClickHouse keeps its own logs."""

    @property
    def clustered(self) -> bool:
        """Whether there is more than one server."""
        return self.replicas > 1

    @field_validator("replicas")
    @classmethod
    def _only_its_own(cls, replicas: int, known: ValidationInfo) -> int:
        if replicas > 1 and known.data.get("place") == "external":
            raise ValueError(
                "replicas are servers of the stack's own, and clickhouse:place is external: "
                "`pulumi config rm clickhouse:replicas`"
            )
        return replicas


class MinioSettings(Group):
    """MinIO, which holds raw events, media and exports."""

    namespace = "minio"
    public_url: Url | None = None
    """Where browsers and SDKs reach media and exports: `https://…`, or `http://localhost:<port>`."""
    api_port: TcpPort = 9090
    """S3 on 127.0.0.1."""
    console_port: TcpPort = 9091
    """MinIO's console on 127.0.0.1."""
    image: str | None = None
    """Another image reference."""
    volume_gb: Annotated[int, Field(ge=1)] = 25
    """Size of the volume, where a platform has sized volumes."""


class S3Settings(Group):
    """The object store: MinIO of the stack's own, or any store that speaks S3."""

    namespace = "s3"
    place: Place = "managed"
    """`external`: another store than the stack's own MinIO."""
    endpoint: Url | None = None
    """`https://HOST[:PORT]` of an external store; without, Amazon's in `region`."""
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "us-east-1"
    """Region of an external store."""
    path_style: bool | None = None
    """Whether the bucket is part of the path and not of the host's name; without, only Amazon's is not."""
    credentials: Literal["key", "role"] = "key"
    """`role`: web and worker have one from where they run, and the vault has no key."""
    prefix: Annotated[str, Field(pattern=r"^([^/\s]+/)*$")] = ""
    """What the names of all objects begin with, in all buckets but that of backups."""
    events_bucket: BucketName = "langfuse-events"
    """Bucket of raw events."""
    media_bucket: BucketName = "langfuse-media"
    """Bucket of pictures, audio and files in traces."""
    exports_bucket: BucketName = "langfuse-exports"
    """Bucket of batch exports."""
    backups_bucket: BucketName = "langfuse-backups"
    """Bucket of backups."""

    @property
    def url(self) -> str:
        """Where an external store is."""
        return self.endpoint.rstrip("/") if self.endpoint else f"https://s3.{self.region}.amazonaws.com"

    @property
    def by_path(self) -> bool:
        """Whether the bucket is part of the path."""
        return self.path_style if self.path_style is not None else self.endpoint is not None

    @model_validator(mode="after")
    def _only_elsewhere(self) -> Self:
        """Refuse what the stack's own MinIO would not heed."""
        if self.place == "external":
            return self
        given = sorted(to_camel(name) for name in self.model_fields_set - {"place"})
        if given:
            raise ValueError(
                f"{', '.join(given)} say where an external store is: `pulumi config set s3:place external`, or remove "
                f"them (`pulumi config rm s3:{given[0]}`)"
            )
        return self


class PostgresSettings(Group):
    """Postgres, which holds projects, users and keys."""

    namespace = "postgres"
    place: Place = "managed"
    """`external`: somebody else's Postgres, such as Supabase, by `LANGFUSE_DIRECT_URL` and `LANGFUSE_DATABASE_URL` of
    the vault."""
    connection_limit: Annotated[int, Field(ge=1, le=100)] = 5
    """Connections of each Langfuse service through a transaction pooler."""
    port: TcpPort = 5432
    """Port on 127.0.0.1."""
    image: str | None = None
    """Another image reference, of the same major version."""
    volume_gb: Annotated[int, Field(ge=1)] = 10
    """Size of the volume, where a platform has sized volumes."""
    event_trigger: bool = True
    """Whether the stack's own server refuses to drop anything outside Langfuse's schema."""


class RedisSettings(Group):
    """Redis, which holds the ingestion queue."""

    namespace = "redis"
    place: Place = "managed"
    """`external`: somebody else's Redis, by `REDIS_URL` of the vault. It must not evict keys."""
    key_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9:_-]*$")] = ""
    """Sets Langfuse's keys apart in a Redis that it shares."""
    port: TcpPort = 6379
    """Port on 127.0.0.1."""
    image: str | None = None
    """Another image reference."""
    volume_gb: Annotated[int, Field(ge=1)] = 5
    """Size of the volume, where a platform has sized volumes."""


class Organization(Group):
    """The organization created at first start."""

    id: Slug = "my-organization"
    """Id of the first organization; decided when the stack is made, and then kept."""
    name: str = "My organization"
    """Its name, as people see it."""


class Project(Group):
    """The project created at first start, whose keys the gateway uses."""

    id: Slug = "ai-gateway"
    """Id of the first project; decided when the stack is made."""
    name: str = "ai-gateway"
    """Its name, as people see it."""


class Owner(Group):
    """The first user. The password is generated."""

    email: Email | None = None
    """None keeps the one that the stack has; see `Settings.owner_email`."""
    name: str = "Admin"
    """The owner's name, as people see it."""


class LangfuseSettings(Group):
    """Langfuse web and worker."""

    namespace = "langfuse"
    release: ReleaseName = "3"
    """Langfuse's major release. `upgrade` moves a stack with data to another."""
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] | None = None
    """Exact version of that release; without, the one that was tried with this program."""
    write_mode: WriteMode | None = None
    """Which tables release 4 writes; without, its own. Release 3 has no choice."""
    backfill: bool = True
    """Whether release 4 copies what release 3 wrote into its own tables; it does so once."""
    web_image: str | None = None
    """Another image reference of web."""
    worker_image: str | None = None
    """Another image reference of the worker."""
    web_port: TcpPort = 3000
    """Port of web on 127.0.0.1."""
    worker_port: TcpPort = 3030
    """Port of the worker on 127.0.0.1."""
    public_url: Url | None = None
    """Address that people and SDKs use; without, `http://localhost:<webPort>`."""
    sign_up: bool = False
    """Whether strangers may sign up."""
    deletions: bool = False
    """Whether Langfuse may delete rows and objects; without, a deletion is answered with 200 and refused later."""
    telemetry: bool = False
    """Whether Langfuse reports its use to its makers."""
    log_level: Literal["trace", "debug", "info", "warn", "error"] = "info"
    """How much web and worker log."""
    organization: Organization = Organization()
    """The first organization."""
    project: Project = Project()
    """The first project."""
    owner: Owner = Owner()
    """The first user."""
    extra_env: Mapping[EnvName, EnvValue] = {}
    """Further variables of web and worker; none that the stack sets, and nothing secret."""
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
    """Webs behind one address; any number at any time."""


class WorkerSettings(Group):
    """How many workers take traces from the queue."""

    namespace = "worker"
    replicas: Annotated[int, Field(ge=1, le=8)] = 1
    """Workers; any number at any time."""


class ProxySettings(Group):
    """HAProxy: the one address in front of several servers."""

    namespace = "proxy"
    image: str | None = None
    """Another image reference."""


class RelaySettings(Group):
    """The relay, which keeps traces until Langfuse has taken them."""

    namespace = "relay"
    port: TcpPort = 4318
    """OTLP over HTTP on 127.0.0.1."""
    metrics_port: TcpPort = 8888
    """What the relay says of its queue, on 127.0.0.1."""
    image: str | None = None
    """Another image reference."""
    volume_gb: Annotated[int, Field(ge=1)] = 5
    """Size of the volume; it must have twice the room of a full queue."""
    queue_mb: Annotated[int, Field(ge=1, validate_default=True)] = 1024
    """Spans that may wait for Langfuse, in MiB; what comes on top is refused, so that its sender keeps it."""

    @field_validator("queue_mb")
    @classmethod
    def _fits_the_volume(cls, queue_mb: int, known: ValidationInfo) -> int:
        room = known.data.get("volume_gb", queue_mb) * 1000
        if queue_mb * QUEUE_ON_DISK > room:
            raise ValueError(
                f"a queue of {queue_mb} MiB takes up to {QUEUE_ON_DISK} times that on its volume of {room} MB: "
                "set relay:volumeGb higher, or relay:queueMb lower"
            )
        return queue_mb


class MonitoringSettings(Group):
    """Prometheus, Alertmanager and their exporters."""

    namespace = "monitoring"
    enabled: bool = False
    """Whether Prometheus, Alertmanager and exporters run beside the stack; on Fly, whether apps offer their metrics."""
    prometheus_port: TcpPort = 9095
    """Prometheus on 127.0.0.1."""
    alertmanager_port: TcpPort = 9093
    """Alertmanager on 127.0.0.1."""
    pushgateway_port: TcpPort = 9094
    """Where `ops watch` hands in what it sees, on 127.0.0.1."""
    interval_seconds: Annotated[int, Field(ge=1, le=120)] = 15
    """Between two scrapes and two evaluations; the times of all rules become longer or shorter with it."""
    retention_days: Annotated[int, Field(ge=1)] = 30
    """Days that Prometheus keeps what it has seen."""
    volume_gb: Annotated[int, Field(ge=1)] = 5
    """Most that Prometheus keeps, in GB."""
    memory_mb: Annotated[int, Field(ge=128)] = 512
    """Of Prometheus."""
    limits: Mapping[LimitName, Annotated[float, Field(ge=0)]] = {}
    """Thresholds of alerts, of `status --capacity` and of `watch`, other than the usual ones."""
    webhook_url: Url | None = None
    """Where alerts are posted; set it with --secret."""
    mail_to: Email | None = None
    """Who gets alerts by mail."""
    mail_from: Email | None = None
    """Sender of that mail."""
    mail_server: Annotated[str, Field(pattern=r"^[^\s:]+:\d+$")] | None = None
    """Mail server, as `host:port`."""
    mail_user: str | None = None
    """User at the mail server."""
    mail_password: str | None = None
    """Password there; set it with --secret."""
    images: Mapping[MonitoringPart, str] = {}
    """Part, such as `prometheus`, to another image reference."""

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
    """Address of the provider's API, for servers of your own."""
    api_key_env: EnvName | None = None
    """Variable of `gateway:providerKeys` that holds the provider's key."""
    params: Mapping[str, JsonValue] = {}
    """Further `litellm_params`, named as LiteLLM names them, for example `api_version`."""
    model_info: Mapping[str, JsonValue] = {}
    """LiteLLM's `model_info`."""


class GatewaySettings(Group):
    """The LiteLLM gateway."""

    namespace = "gateway"
    public_url: Url | None = None
    """Where applications outside of the private network reach it."""
    port: TcpPort = 4000
    """Port on 127.0.0.1."""
    image: str | None = None
    """Another image reference."""
    tracing: bool = True
    """False takes Langfuse out of the gateway and leaves everything else as it is."""
    callback: Literal["langfuse_otel", "langfuse"] = "langfuse_otel"
    """LiteLLM's callback: over OpenTelemetry, or by Langfuse's own SDK."""
    export_delay_ms: Annotated[int, Field(ge=50, le=30000)] = 100
    """Milliseconds that traces wait for others to be sent with; a gateway that is killed loses them."""
    relayed: bool = True
    """False: traces go to Langfuse without the relay, as those of LiteLLM teams with a Langfuse project of their own
    must."""
    config: Path | Mapping[str, JsonValue] | None = None
    """An own `litellm.config.yaml`: its path, relative to the project's folder, or its content."""
    models: tuple[Model, ...] = ()
    """Models served beside `smoke`."""
    env: Mapping[EnvName, EnvValue] = {}
    """Further variables of the gateway, which may be seen."""
    provider_keys: Mapping[EnvName, EnvValue] = {}
    """Provider keys by variable name; set each with `--secret --path`."""

    @field_validator("env")
    @classmethod
    def _nothing_secret(cls, variables: Mapping[str, str]) -> Mapping[str, str]:
        return _without_secrets(variables, "gateway:providerKeys", "PROVIDER_KEYS")

    database: Place | None = None
    """Where virtual keys, budgets and spend are kept; without, the master key is the only one."""
    database_url: str | None = None
    """Of an external one; set it with --secret, or put it into GATEWAY_DATABASE_URL of the vault."""
    cache_ttl_seconds: Annotated[int, Field(ge=1)] = 600
    """Seconds that an answer is kept for an equal question."""
    replicas: Annotated[int, Field(ge=1, le=8)] = 1
    """Machines of its app on Fly; on Docker there is one container."""

    @property
    def manages_database(self) -> bool:
        """Whether its database is on the stack's Postgres."""
        return self.database not in {None, "external"}
