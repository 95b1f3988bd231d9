"""The stand-in's settings: Langfuse's own variables, with Langfuse's own defaults and refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from standin.database_url import DatabaseUrlError, assemble_database_url, parse_database_url
from standin.environment import EnvironmentReader
from standin.redis_settings import RedisSettings, read_redis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from standin.database_url import DatabaseUrl
    from standin.release import OtelBehaviour, Release, WriteMode

ENCRYPTION_KEY_LENGTH = 64
DEFAULT_QUEUE_DELAY_MS = 15_000
LONGEST_QUEUE_DELAY_MS = 5_000
MEDIA_UPLOAD = "LANGFUSE_S3_MEDIA_UPLOAD_"
HISTORIC_BACKFILL = "LANGFUSE_BACKGROUND_MIGRATION_V4_ENABLE_HISTORIC_BACKFILL"
CONTRADICTIONS = {("legacy", "direct"), ("events_only", "dual_write")}


class SettingsConflictError(Exception):
    """Each variable is fine by itself, but not all of them together."""


@dataclass(frozen=True)
class ClickHouseSettings:
    """Where rows go over HTTP."""

    url: str
    user: str
    password: str = field(repr=False)
    database: str


@dataclass(frozen=True)
class BucketSettings:
    """The bucket for events; without an endpoint it is Amazon's."""

    bucket: str
    prefix: str
    region: str | None
    endpoint: str | None
    access_key: str | None
    secret_key: str | None = field(repr=False)
    path_style: bool


@dataclass(frozen=True)
class WriteSettings:
    """Which tables a release writes to, and so which of its read paths answer."""

    mode: WriteMode
    otel_behaviour: OtelBehaviour

    @property
    def legacy_tables(self) -> bool:
        """Whether traces and observations are written and read."""
        return self.mode != "events_only"

    @property
    def events_tables(self) -> bool:
        """Whether events_full is written and read."""
        return self.mode != "legacy"


@dataclass(frozen=True)
class InitSettings:
    """LANGFUSE_INIT_*: what every start of web makes sure of."""

    org_id: str | None
    org_name: str | None
    project_id: str | None
    project_name: str | None
    public_key: str | None
    secret_key: str | None = field(repr=False)
    user_email: str | None
    user_name: str | None
    user_password: str | None = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything that one process needs to run."""

    release: Release
    database: DatabaseUrl
    clickhouse: ClickHouseSettings
    redis: RedisSettings
    events: BucketSettings
    media: BucketSettings | None
    write: WriteSettings
    salt: str = field(repr=False)
    encryption_key: str | None = field(repr=False)
    signup_disabled: bool
    init: InitSettings
    queue_delay_ms: int
    write_interval_ms: int
    write_batch_size: int
    write_attempts: int
    delete_delay_ms: int
    background_migrations: bool
    gates: frozenset[str]
    """Variables that let a background migration run which would otherwise wait."""
    bind_host: str
    bind_port: int
    drain_seconds: int


def read_settings(variables: Mapping[str, str], release: Release, role: str) -> Settings:
    """The settings of one role (`web` or `worker`).

    Raises:
        EnvironmentRefusedError: Variables are missing or malformed; all of them are named.
        SettingsConflictError: The write-mode variables contradict each other.
    """
    reader = EnvironmentReader(variables)
    web = role == "web"
    if web:
        reader.url("NEXTAUTH_URL")
        reader.required("NEXTAUTH_SECRET")
    settings = Settings(
        release=release,
        database=_read_database(reader, variables),
        clickhouse=_read_clickhouse(reader),
        redis=read_redis(reader),
        events=_read_bucket(reader, "LANGFUSE_S3_EVENT_UPLOAD_"),
        media=_read_bucket(reader, MEDIA_UPLOAD) if reader.text(f"{MEDIA_UPLOAD}BUCKET") else None,
        write=_read_write_settings(reader, release, role),
        salt=(reader.required("SALT") if web else reader.text("SALT")) or "",
        encryption_key=_read_encryption_key(reader),
        signup_disabled=reader.switch("AUTH_DISABLE_SIGNUP", default=False),
        init=_read_init(reader),
        queue_delay_ms=min(
            LONGEST_QUEUE_DELAY_MS,
            reader.integer("LANGFUSE_INGESTION_QUEUE_DELAY_MS", DEFAULT_QUEUE_DELAY_MS),
        ),
        write_interval_ms=reader.integer("LANGFUSE_INGESTION_CLICKHOUSE_WRITE_INTERVAL_MS", 1000, minimum=1),
        write_batch_size=reader.integer("LANGFUSE_INGESTION_CLICKHOUSE_WRITE_BATCH_SIZE", 1000, minimum=1),
        write_attempts=reader.integer("LANGFUSE_INGESTION_CLICKHOUSE_MAX_ATTEMPTS", 3, minimum=1),
        delete_delay_ms=reader.integer("LANGFUSE_TRACE_DELETE_DELAY_MS", 5000),
        background_migrations=reader.switch("LANGFUSE_ENABLE_BACKGROUND_MIGRATIONS", default=True),
        gates=_read_gates(reader, release),
        bind_host=reader.text("HOSTNAME") or "0.0.0.0",  # noqa: S104 - Langfuse's own default; Docker sets HOSTNAME
        bind_port=reader.integer("PORT", 3000 if web else 3030, minimum=1),
        drain_seconds=reader.integer("LANGFUSE_STANDIN_DRAIN_SECONDS", 5),
    )
    reader.finish()
    return settings


def _read_database(reader: EnvironmentReader, variables: Mapping[str, str]) -> DatabaseUrl:
    url = assemble_database_url(variables)
    if url is None:
        reader.refuse("DATABASE_URL", "Required")
    else:
        try:
            return parse_database_url(url)
        except DatabaseUrlError as error:
            reader.refuse("DATABASE_URL", str(error))
    return parse_database_url("postgresql://unset")


def _read_clickhouse(reader: EnvironmentReader) -> ClickHouseSettings:
    reader.switch("CLICKHOUSE_CLUSTER_ENABLED", default=True)
    return ClickHouseSettings(
        url=reader.url("CLICKHOUSE_URL"),
        user=reader.required("CLICKHOUSE_USER"),
        password=reader.required("CLICKHOUSE_PASSWORD"),
        database=reader.text("CLICKHOUSE_DB") or "default",
    )


def _read_bucket(reader: EnvironmentReader, name: str) -> BucketSettings:
    prefix = reader.text(f"{name}PREFIX") or ""
    if prefix and not prefix.endswith("/"):
        reader.refuse(f"{name}PREFIX", "must end with a slash")
    return BucketSettings(
        bucket=reader.required(f"{name}BUCKET"),
        prefix=prefix,
        region=reader.text(f"{name}REGION"),
        endpoint=reader.url(f"{name}ENDPOINT") if reader.text(f"{name}ENDPOINT") else None,
        access_key=reader.text(f"{name}ACCESS_KEY_ID"),
        secret_key=reader.text(f"{name}SECRET_ACCESS_KEY"),
        path_style=reader.switch(f"{name}FORCE_PATH_STYLE", default=False),
    )


def _read_write_settings(reader: EnvironmentReader, release: Release, role: str) -> WriteSettings:
    mode = reader.choice("LANGFUSE_MIGRATION_V4_WRITE_MODE", ("legacy", "dual", "events_only"), release.write_mode)
    behaviour = reader.choice(
        "LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR", ("direct", "dual_write"), release.otel_behaviour
    )
    opt_in = reader.switch("LANGFUSE_MIGRATION_V4_ALLOW_PREVIEW_OPT_IN", default=release.preview_opt_in)
    if release.major == "3" and mode != "legacy":
        raise SettingsConflictError(
            f"LANGFUSE_MIGRATION_V4_WRITE_MODE={mode}: this stand-in of release 3 doubles the legacy mode alone"
        )
    if role == "worker" and (mode, behaviour) in CONTRADICTIONS:
        raise SettingsConflictError(
            f"LANGFUSE_MIGRATION_V4_WRITE_MODE={mode} does not go with"
            f" LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR={behaviour}"
        )
    if mode == "events_only" and not opt_in:
        raise SettingsConflictError(
            "LANGFUSE_MIGRATION_V4_WRITE_MODE=events_only needs LANGFUSE_MIGRATION_V4_ALLOW_PREVIEW_OPT_IN=true"
        )
    return WriteSettings(mode=mode, otel_behaviour=behaviour)


def _read_gates(reader: EnvironmentReader, release: Release) -> frozenset[str]:
    is_open = reader.switch(HISTORIC_BACKFILL, default=release.major == "4")
    return frozenset({HISTORIC_BACKFILL} if is_open else ())


def _read_encryption_key(reader: EnvironmentReader) -> str | None:
    key = reader.text("ENCRYPTION_KEY")
    if key is not None and len(key) != ENCRYPTION_KEY_LENGTH:
        reader.refuse(
            "ENCRYPTION_KEY",
            "ENCRYPTION_KEY must be 256 bits, 64 string characters in hex format, generate via: openssl rand -hex 32",
        )
    return key


def _read_init(reader: EnvironmentReader) -> InitSettings:
    email = reader.text("LANGFUSE_INIT_USER_EMAIL")
    if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        reader.refuse("LANGFUSE_INIT_USER_EMAIL", "Invalid email")
    reader.integer("LANGFUSE_INIT_PROJECT_RETENTION", 3, minimum=3)
    return InitSettings(
        org_id=reader.text("LANGFUSE_INIT_ORG_ID"),
        org_name=reader.text("LANGFUSE_INIT_ORG_NAME"),
        project_id=reader.text("LANGFUSE_INIT_PROJECT_ID"),
        project_name=reader.text("LANGFUSE_INIT_PROJECT_NAME"),
        public_key=reader.text("LANGFUSE_INIT_PROJECT_PUBLIC_KEY"),
        secret_key=reader.text("LANGFUSE_INIT_PROJECT_SECRET_KEY"),
        user_email=email,
        user_name=reader.text("LANGFUSE_INIT_USER_NAME"),
        user_password=reader.text("LANGFUSE_INIT_USER_PASSWORD"),
    )
