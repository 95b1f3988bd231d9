"""Lays out one release's migrations as Langfuse's image has them; run while the image is built."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from standin.layout import Layout
from standin.migrate.clustered import to_clustered
from standin.release import release_named

if TYPE_CHECKING:
    from standin.release import Release


def assemble(release: Release, source: Path, target: Path) -> None:
    """Copy from `source` what the release ships; the clustered files are derived from the unclustered ones."""
    shipped = Layout(target)
    shipped.cleanup.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "cleanup.sql", shipped.cleanup)
    for folder in sorted((source / "postgres").iterdir()):
        if folder.name <= release.last_postgres_migration:
            shutil.copytree(folder, shipped.postgres / folder.name, dirs_exist_ok=True)
    for clustered in (False, True):
        _copy_clickhouse(release, source / "clickhouse", shipped.clickhouse(clustered=clustered), clustered=clustered)
        _copy_clickhouse(
            release, source / "old_clickhouse", shipped.old_clickhouse(clustered=clustered), clustered=clustered
        )


def _copy_clickhouse(release: Release, source: Path, target: Path, *, clustered: bool) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.glob("*.sql")):
        if int(file.name.partition("_")[0]) <= release.clickhouse_ledger:
            text = file.read_text(encoding="utf-8")
            (target / file.name).write_text(to_clustered(text) if clustered else text, encoding="utf-8")


if __name__ == "__main__":
    assemble(release_named(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
