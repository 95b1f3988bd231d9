"""The only reader of configuration: every setting of the program, typed and frozen.

A setting `<namespace>:<key>` lives in the group below whose namespace it names. Unknown keys, wrong types and
values out of range are all reported at once, each with the command that sets it right.
"""

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from components.releases import RELEASES, Image, Release, ReleaseName, references
from switches import SwitchesError, read_switches

IMAGES_FILE_VARIABLE = "LANGFUSE_STACK_IMAGES"
FOREIGN_NAMESPACES = frozenset({"pulumi", "docker", "random", "command"})
"""Namespaces that belong to the engine and its providers."""

TcpPort = Annotated[int, Field(ge=1, le=65535)]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s]*$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
EnvName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class SettingsError(pulumi.RunError):
    """One or more settings are unknown, missing or malformed; the message lists all of them."""


class _Group(BaseModel):
    """A namespace of settings. Field names are written in camel case in the stack file."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)
    namespace: ClassVar[str]


class StackSettings(_Group):
    """How and where the whole stack runs."""

    namespace = "langfuse-stack"
    platform: Literal["docker", "fly"] = "docker"
    phases: Literal["parallel", "strict"] = "parallel"
    running: bool = True
    instance: Slug = "langfuse"


class ClickHouseSettings(_Group):
    """ClickHouse, which holds traces."""

    namespace = "clickhouse"
    http_port: TcpPort = 8123
    native_port: TcpPort = 9000
    image: str | None = None
    database: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")] = "langfuse"
    volume_gb: Annotated[int, Field(ge=1)] = 25
    memory_ratio: Annotated[float, Field(gt=0.1, le=0.9)] = 0.6
    query_log_ttl_days: Annotated[int, Field(ge=1)] = 7


class MinioSettings(_Group):
    """MinIO, which holds raw events, media and exports."""

    namespace = "minio"
    api_port: TcpPort = 9090
    console_port: TcpPort = 9091
    image: str | None = None
    volume_gb: Annotated[int, Field(ge=1)] = 25


class PostgresSettings(_Group):
    """Postgres, which holds projects, users and keys."""

    namespace = "postgres"
    port: TcpPort = 5432
    image: str | None = None
    volume_gb: Annotated[int, Field(ge=1)] = 10
    event_trigger: bool = True
    """Whether the stack's own server refuses to drop anything outside Langfuse's schema."""


class RedisSettings(_Group):
    """Redis, which holds the ingestion queue."""

    namespace = "redis"
    port: TcpPort = 6379
    image: str | None = None
    volume_gb: Annotated[int, Field(ge=1)] = 5


class Organization(_Group):
    """The organization created at first start."""

    id: Slug = "hurriyet"
    name: str = "Hurriyet Partisi"


class Project(_Group):
    """The project created at first start, whose keys the gateway uses."""

    id: Slug = "ai-gateway"
    name: str = "ai-gateway"


class Owner(_Group):
    """The first user. The password is generated."""

    email: Email = "admin@hurriyetpartisi.org"
    name: str = "Admin"


class LangfuseSettings(_Group):
    """Langfuse web and worker."""

    namespace = "langfuse"
    release: ReleaseName = "3"
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] | None = None
    web_image: str | None = None
    worker_image: str | None = None
    web_port: TcpPort = 3000
    worker_port: TcpPort = 3030
    public_url: Url | None = None
    sign_up: bool = False
    deletions: bool = False
    """Whether Langfuse may delete rows; without, deleting a trace fails and loses nothing."""
    telemetry: bool = False
    log_level: Literal["trace", "debug", "info", "warn", "error"] = "info"
    organization: Organization = Organization()
    project: Project = Project()
    owner: Owner = Owner()
    extra_env: Mapping[EnvName, str] = {}
    stand_in_on_old_clickhouse: bool = False
    """Test setting: the stand-in alone may run below the release's ClickHouse floor."""


class Model(_Group):
    """One model the gateway serves."""

    name: str
    """Name that clients ask for."""
    model: str
    """LiteLLM's provider/model, for example `openai/gpt-4o`."""
    api_base: Url | None = None
    api_key_env: EnvName | None = None
    """Variable of `gateway:providerKeys` that holds the provider's key."""


class GatewaySettings(_Group):
    """The LiteLLM gateway."""

    namespace = "gateway"
    port: TcpPort = 4000
    image: str | None = None
    tracing: bool = True
    """False takes Langfuse out of the gateway and leaves everything else as it is."""
    callback: Literal["langfuse_otel", "langfuse"] = "langfuse_otel"
    export_delay_ms: Annotated[int, Field(ge=50, le=30000)] = 500
    models: tuple[Model, ...] = ()
    provider_keys: Mapping[EnvName, str] = {}
    cache_ttl_seconds: Annotated[int, Field(ge=1)] = 600


GROUPS: tuple[type[_Group], ...] = (
    StackSettings,
    ClickHouseSettings,
    MinioSettings,
    PostgresSettings,
    RedisSettings,
    LangfuseSettings,
    GatewaySettings,
)


class Settings(BaseModel):
    """Everything the program was told."""

    model_config = ConfigDict(frozen=True)
    stack: StackSettings
    clickhouse: ClickHouseSettings
    minio: MinioSettings
    postgres: PostgresSettings
    redis: RedisSettings
    langfuse: LangfuseSettings
    gateway: GatewaySettings

    @property
    def release(self) -> Release:
        """Facts about the chosen Langfuse release."""
        return RELEASES[self.langfuse.release]

    @property
    def langfuse_version(self) -> str:
        """Exact Langfuse version."""
        return self.langfuse.version or self.release.version

    @property
    def langfuse_url(self) -> str:
        """Where people and SDKs reach Langfuse."""
        return self.langfuse.public_url or f"http://localhost:{self.langfuse.web_port}"

    @property
    def image_references(self) -> dict[str, str]:
        """Image reference of every service, overrides applied."""
        overrides = {
            "clickhouse": self.clickhouse.image,
            "minio": self.minio.image,
            "postgres": self.postgres.image,
            "redis": self.redis.image,
            "langfuse-web": self.langfuse.web_image,
            "langfuse-worker": self.langfuse.worker_image,
            "litellm": self.gateway.image,
        }
        given = {service: reference for service, reference in overrides.items() if reference}
        return references(self.release, self.langfuse.version, given)

    @property
    def published_ports(self) -> dict[str, int]:
        """Setting to port, for every port the stack publishes on this machine."""
        return {
            f"{group.namespace}:{to_camel(name)}": getattr(group, name)
            for group in (self.clickhouse, self.minio, self.postgres, self.redis, self.langfuse, self.gateway)
            for name in type(group).model_fields
            if name == "port" or name.endswith("_port")
        }


def load(config: Mapping[str, str]) -> Settings:
    """Settings from `namespace:key` strings, as the engine hands them over.

    Raises:
        SettingsError: lists every unknown or malformed setting with the command that mends it.
    """
    by_namespace: dict[str, dict[str, str]] = {group.namespace: {} for group in GROUPS}
    problems: list[str] = []
    for full_key, value in sorted(config.items()):
        namespace, _, key = full_key.partition(":")
        if namespace in by_namespace:
            by_namespace[namespace][key] = value
        elif namespace not in FOREIGN_NAMESPACES:
            problems.append(_unknown(full_key))
    groups: dict[str, _Group] = {}
    for group in GROUPS:
        raw = by_namespace[group.namespace]
        try:
            groups[_attribute(group)] = group.model_validate({key: _decoded(value) for key, value in raw.items()})
        except ValidationError as error:
            problems += [_problem(group.namespace, item) for item in error.errors()]
    if not problems:
        settings = Settings.model_validate(groups)
        problems = _clashes(settings.published_ports)
        if not problems:
            return settings
    raise SettingsError("settings:\n" + "\n".join(f"  - {problem}" for problem in dict.fromkeys(problems)))


def from_engine() -> Settings:
    """Settings of the running Pulumi program, with a warning for each that an operator's switch holds.

    Raises:
        SettingsError: see `load`; or the file of switches cannot be read.
    """
    try:
        switched = read_switches(pulumi.get_stack())
    except SwitchesError as error:
        raise SettingsError(str(error)) from None
    for switch in switched:
        pulumi.log.warn(str(switch))
    held = {switch.key: switch.value for switch in switched}
    return load({**runtime_config.get_config_env(), **runtime_config.CONFIG.get(), **held})


def images(settings: Settings, environment: Mapping[str, str] = os.environ) -> dict[str, Image]:
    """The images that image resolution found for these settings.

    Args:
        settings: which references are wanted.
        environment: where the resolution file is named.

    Raises:
        SettingsError: nothing was resolved yet, or not for the references that are set now.
    """
    path = environment.get(IMAGES_FILE_VARIABLE)
    fix = "run `make images`, and use the environment that `make shell` prints"
    if not path:
        raise SettingsError(
            f"{IMAGES_FILE_VARIABLE} is not set, so it is unknown which images are on this machine: {fix}"
        )
    try:
        resolved = json.loads(Path(path).read_text(encoding="utf-8"))
        found = {service: Image(**entry) for service, entry in resolved.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SettingsError(f"{IMAGES_FILE_VARIABLE}={path} cannot be read ({error}): {fix}") from error
    wanted = settings.image_references
    stale = [
        f"{service} ({reference})"
        for service, reference in wanted.items()
        if service not in found or found[service].reference != reference
    ]
    if stale:
        raise SettingsError(f"no image resolved for {', '.join(stale)}: {fix}")
    return {service: found[service] for service in wanted}


def _attribute(group: type[_Group]) -> str:
    return "stack" if group is StackSettings else group.namespace


def _decoded(value: str) -> Any:
    if value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _known_keys() -> list[str]:
    return [f"{group.namespace}:{to_camel(name)}" for group in GROUPS for name in group.model_fields]


def _unknown(full_key: str) -> str:
    known = {key.lower(): key for key in _known_keys()}
    close = difflib.get_close_matches(full_key.lower(), known, n=1, cutoff=0.6)
    hint = f"; did you mean {known[close[0]]}?" if close else ""
    return f"{full_key} is not a setting{hint} (`pulumi config rm {full_key}`)"


def _problem(namespace: str, error: Any) -> str:
    path = [str(part) for part in error["loc"]]
    full_key = f"{namespace}:{path[0]}" if path else namespace
    if error["type"] == "extra_forbidden" and len(path) == 1:
        return _unknown(full_key)
    inside = f" at {'.'.join(path[1:])}" if len(path) > 1 else ""
    return f"{full_key}{inside}: {error['msg']} (`pulumi config set {full_key} <value>`)"


def _clashes(ports: Mapping[str, int]) -> list[str]:
    by_port: dict[int, list[str]] = {}
    for key, port in ports.items():
        by_port.setdefault(port, []).append(key)
    return [
        f"{' and '.join(keys)} are both {port}: give each its own port"
        for port, keys in by_port.items()
        if len(keys) > 1
    ]
