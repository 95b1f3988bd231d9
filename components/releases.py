"""Which versions go together, and what each Langfuse release asks of its stores.

Sources: Langfuse's self-hosting documentation and upgrade guide; release 4's ClickHouse floor was tried on servers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import pulumi

ReleaseName = Literal["3", "4"]

IMAGE_REFERENCES: Mapping[str, str] = {
    "clickhouse": "clickhouse/clickhouse-server:25.12",
    "minio": "cgr.dev/chainguard/minio:latest",
    "redis": "redis:7.2.11",
    "postgres": "postgres:15.15",
    "litellm": "ghcr.io/berriai/litellm:main-v1.106.2-stable",
    "proxy": "haproxy:3.0-alpine",
}
"""Official image of every part but Langfuse. Resolution pins each to its content before anything runs."""

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
    write_mode_env: Mapping[str, str] = field(default_factory=dict)
    """How rows are written; must be equal on web and worker."""
    traces_table: str = "traces"
    """ClickHouse table in which a trace sent over OTLP becomes visible."""
    find_path: str = "/api/public/traces?userId={user_id}&limit=1"
    """Public API that finds traces by `{user_id}`."""


RELEASES: Mapping[ReleaseName, Release] = {
    "3": Release(
        name="3",
        version="3.225.4",
        clickhouse_floor=(24, 3),
        postgres_floor=12,
        redis_floor=(7, 0),
    ),
    "4": Release(
        name="4",
        version="4.16.0",
        clickhouse_floor=(25, 12),
        postgres_floor=15,
        redis_floor=(7, 0),
        write_mode_env={
            "LANGFUSE_MIGRATION_V4_WRITE_MODE": "events_only",
            "LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR": "direct",
            "LANGFUSE_MIGRATION_V4_ALLOW_PREVIEW_OPT_IN": "true",
            "LANGFUSE_BACKGROUND_MIGRATION_V4_DROP_PID_TID_SORTING_TABLES": "false",
        },
        traces_table="events_full",
        find_path="/api/public/v2/observations?userId={user_id}&limit=1",
    ),
}


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
