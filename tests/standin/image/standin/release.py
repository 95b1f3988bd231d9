"""What the releases that this stand-in doubles promise to the infrastructure around them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

WriteMode = Literal["legacy", "dual", "events_only"]
OtelBehaviour = Literal["direct", "dual_write"]


@dataclass(frozen=True)
class Release:
    """One Langfuse release as seen from outside.

    Attributes:
        major: The number that images and settings go by.
        version: The version that is doubled, as the image was asked for.
        clickhouse_ledger: Number of the last ClickHouse migration.
        last_postgres_migration: Name of the last Postgres migration.
        write_mode: Default of LANGFUSE_MIGRATION_V4_WRITE_MODE.
        otel_behaviour: Default of LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR.
        preview_opt_in: Default of LANGFUSE_MIGRATION_V4_ALLOW_PREVIEW_OPT_IN.
    """

    major: str
    version: str
    clickhouse_ledger: int
    last_postgres_migration: str
    write_mode: WriteMode
    otel_behaviour: OtelBehaviour
    preview_opt_in: bool

    @property
    def shown_version(self) -> str:
        """The version that health endpoints show: never mistakable for Langfuse's own."""
        return f"{self.version}-standin"


RELEASES = {
    "3": Release(
        major="3",
        version="3.225.4",
        clickhouse_ledger=37,
        last_postgres_migration="20260629000000_add_parquet_blob_storage_file_type",
        write_mode="legacy",
        otel_behaviour="dual_write",
        preview_opt_in=False,
    ),
    "4": Release(
        major="4",
        version="4.16.0",
        clickhouse_ledger=46,
        last_postgres_migration="20260821121500_backfill_evaluator_v2",
        write_mode="events_only",
        otel_behaviour="direct",
        preview_opt_in=True,
    ),
}


def release_named(version: str) -> Release:
    """The release of a major number, or of a full version, which is then the one that is shown.

    Raises:
        ValueError: The stand-in does not double this release.
    """
    major = version.partition(".")[0]
    if major not in RELEASES:
        raise ValueError(f"LANGFUSE_STANDIN_RELEASE is {version!r}; this stand-in doubles {', '.join(RELEASES)}")
    return RELEASES[major] if version == major else replace(RELEASES[major], version=version)
