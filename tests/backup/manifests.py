"""Manifests of backups that were never made."""

from datetime import UTC, datetime

from ops.backup.manifest import ClickHouse, Manifest, Part, Postgres


def manifest(backup: str, *parts: Part) -> Manifest:
    """Of a full backup without a row."""
    now = datetime.now(UTC)
    return Manifest(
        id=backup,
        kind="full",
        base=None,
        stack="local",
        langfuse="3.225.4",
        started=now,
        finished=now,
        clickhouse=ClickHouse(
            version="25.12", database="langfuse", ledger=37, tables=[], files=0, objects=0, size=0, written_seconds=1
        ),
        postgres=Postgres(version="15", schema_name="langfuse", ledger=424, owner="langfuse", tables=[]),
        buckets=[],
        parts=list(parts),
    )
