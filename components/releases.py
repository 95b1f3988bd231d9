"""Which versions go together, and what each Langfuse release asks of its stores.

Sources: Langfuse's self-hosting documentation and upgrade guide; release 4's ClickHouse floor was tried on servers.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import pulumi

ReleaseName = Literal["3", "4"]
WriteMode = Literal["legacy", "dual", "events_only"]
"""Which tables get new rows: release 3's, both, or release 4's alone. From the last there is no way back."""
WRITE_MODES: tuple[WriteMode, ...] = ("legacy", "dual", "events_only")
"""In the order in which a stack goes through them."""
WRITE_MODE = "LANGFUSE_MIGRATION_V4_WRITE_MODE"
BACKFILL = "LANGFUSE_BACKGROUND_MIGRATION_V4_ENABLE_HISTORIC_BACKFILL"
"""Variables of Langfuse: the write mode, and whether the worker copies release 3's rows into release 4's tables."""

IMAGE_REFERENCES: Mapping[str, str] = {
    "clickhouse": "clickhouse/clickhouse-server:25.12.11.4",
    "minio": "cgr.dev/chainguard/minio@sha256:bd014394a80898e68c149f2311fdf8d5a2c2f3bb2c33b9327ae6d02b4b065ae1",
    "redis": "redis:7.2.14",
    "postgres": "postgres:15.19",
    "litellm": "ghcr.io/berriai/litellm:v1.106.2",
    "proxy": "haproxy:3.0.29-alpine",
    "relay": "otel/opentelemetry-collector-contrib:0.165.0",
    "prometheus": "prom/prometheus:v3.5.0",
    "alertmanager": "prom/alertmanager:v0.28.1",
    "blackbox-exporter": "prom/blackbox-exporter:v0.27.0",
    "postgres-exporter": "prometheuscommunity/postgres-exporter:v0.17.1",
    "pushgateway": "prom/pushgateway:v1.11.1",
    "redis-exporter": "oliver006/redis_exporter:v1.74.0-alpine",
}
"""Image of every part but Langfuse, by exact tag. MinIO's own registries serve no community release any more, and
Chainguard's free tier tags only its newest build, so that one is named by digest (MinIO 2026-09-22T19-25-18Z)."""

MonitoringPart = Literal[
    "prometheus", "alertmanager", "blackbox-exporter", "postgres-exporter", "pushgateway", "redis-exporter"
]
"""A part that only a stack with monitoring has."""
MONITORING: tuple[MonitoringPart, ...] = get_args(MonitoringPart)
LANGFUSE_REPOSITORY = "docker.langfuse.com/langfuse"


@dataclass(frozen=True)
class Image:
    """One resolved image: what was asked for, and what exactly runs."""

    reference: str
    image: str
    """Local image id, or `name@sha256:…`."""
    source: str
    """Where it came from, in words."""
    version: str
    """Version of the software inside."""
    digest: str | None = None
    """Digest at the registry, where it came from one."""
    stand_in: bool = False
    """True for the Langfuse conformance stand-in."""
    ledgers: Mapping[str, int] | None = None
    """Langfuse web only: newest ClickHouse migration and count of Postgres migrations it ships."""
    migrations: str | None = None
    """Langfuse web only: folder with the SQL of those migrations, taken out of the image."""
    clickhouse_floor: tuple[int, ...] | None = None
    """Langfuse web only: oldest ClickHouse it runs on, where the image says so itself by a label."""

    @property
    def server(self) -> dict[str, str]:
        """What a store's gate keeps of it: the image, and the version that the program in it says it is."""
        return {"image": self.image, "version": self.version}

    def at_registry(self) -> "Image":
        """The same image as another machine can pull it; itself when it came from no registry."""
        if self.digest is None:
            return self
        name = self.reference.partition("@")[0]
        tag = name.rfind(":")
        repository = name[:tag] if tag > name.rfind("/") else name
        return replace(self, image=f"{repository}@{self.digest}")


@dataclass(frozen=True)
class Release:
    """One supported Langfuse release."""

    name: ReleaseName
    version: str
    """Known good version, used unless the setting `langfuse:version` names another of the same major."""
    clickhouse_floor: tuple[int, int]
    postgres_floor: int
    redis_floor: tuple[int, int]
    supported_until: dt.date | None = None
    """Last day on which Langfuse mends it, where that is known."""
    write_mode: WriteMode = "legacy"
    write_mode_env: Mapping[str, str] = field(default_factory=dict)
    """How rows are written; must be equal on web and worker."""
    traces_table: str = "traces"
    """ClickHouse table in which a trace sent over OTLP becomes visible."""
    find_path: str = "/api/public/traces?userId={user_id}&limit=1"
    """Public API that finds traces by `{user_id}`."""
    read_path: str = "/api/public/traces/{trace_id}"
    """Public API that reads every trace that was ever stored, by `{trace_id}`."""

    def written(self, mode: WriteMode | None, *, backfill: bool = True) -> "Release":
        """The same release with rows written another way.

        Args:
            mode: None for the release's own; release 3 has no other.
            backfill: whether the worker copies older rows into release 4's tables; never in `legacy`, since the copy
                is made once, and rows that came after it would be missing.
        """
        if self.name == "3":
            return self
        chosen = mode or self.write_mode
        legacy, events_only = chosen == "legacy", chosen == "events_only"
        old, new = RELEASES["3"], RELEASES["4"]
        return replace(
            self,
            write_mode=chosen,
            write_mode_env={
                **self.write_mode_env,
                WRITE_MODE: chosen,
                "LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR": "direct" if events_only else "dual_write",
                "LANGFUSE_MIGRATION_V4_ALLOW_PREVIEW_OPT_IN": "false" if legacy else "true",
                **({} if backfill and not legacy else {BACKFILL: "false"}),
            },
            traces_table=(old if legacy else new).traces_table,
            find_path=(old if legacy else new).find_path,
            read_path=(new if events_only else old).read_path,
        )


RELEASES: Mapping[ReleaseName, Release] = {
    "3": Release(
        name="3",
        version="3.225.4",
        clickhouse_floor=(24, 3),
        postgres_floor=12,
        redis_floor=(7, 0),
        supported_until=dt.date(2027, 1, 31),
    ),
    "4": Release(
        name="4",
        version="4.16.0",
        clickhouse_floor=(25, 12),
        postgres_floor=15,
        redis_floor=(7, 0),
        write_mode="events_only",
        write_mode_env={
            WRITE_MODE: "events_only",
            "LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR": "direct",
            "LANGFUSE_MIGRATION_V4_ALLOW_PREVIEW_OPT_IN": "true",
            "LANGFUSE_BACKGROUND_MIGRATION_V4_DROP_PID_TID_SORTING_TABLES": "false",
        },
        traces_table="events_full",
        find_path="/api/public/v2/observations?userId={user_id}&limit=1",
        read_path="/api/public/v2/observations?traceId={trace_id}&limit=1",
    ),
}


WARNING_DAYS = 90
"""How long before its end a release is warned of."""


def end_of_support(release: Release, today: dt.date) -> str | None:
    """What is said of a release near the end of its support or past it, with the command that plans the way on."""
    end = release.supported_until
    if end is None or today < end - dt.timedelta(days=WARNING_DAYS):
        return None
    until = f"gets security patches until {end}" if today <= end else f"has got no security patches since {end}"
    newest = max(RELEASES.values(), key=lambda known: int(known.name))
    return (
        f"Langfuse release {release.name} {until}: `python -m ops upgrade --to {newest.version}` shows the way to "
        f"release {newest.name}, and changes nothing"
    )


class ReleaseError(pulumi.RunError):
    """A version was asked for that this program does not know how to run."""


def references(release: Release, version: str | None, overrides: Mapping[str, str]) -> dict[str, str]:
    """Image reference of every service.

    Args:
        release: the Langfuse release.
        version: exact Langfuse version, or None for the release's known good one.
        overrides: service name to reference, from the settings `<service>:image`.

    Raises:
        ReleaseError: the version belongs to another major release.
    """
    chosen = version or release.version
    if chosen.split(".", 1)[0] != release.name:
        raise ReleaseError(
            f"langfuse:version {chosen} is not of release {release.name}: "
            f"set langfuse:release too, or run `pulumi config rm langfuse:version`"
        )
    defaults = {
        **IMAGE_REFERENCES,
        "langfuse-web": f"{LANGFUSE_REPOSITORY}/langfuse:{chosen}",
        "langfuse-worker": f"{LANGFUSE_REPOSITORY}/langfuse-worker:{chosen}",
    }
    return {service: overrides.get(service, reference) for service, reference in defaults.items()}
