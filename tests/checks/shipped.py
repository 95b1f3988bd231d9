"""Folders of migrations as they come out of a web image."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.unit.recorder import ROOT

STAND_IN = ROOT / "tests" / "standin" / "image" / "migrations"
LAST = {"3": ("0037", "20260601"), "4": ("9999", "99999999")}
"""Release to what its last ClickHouse and Postgres migration sort before or at."""


def folder_of(target: Path, clickhouse: Mapping[str, str], postgres: Mapping[str, str]) -> Path:
    """A folder with these files, by name."""
    for name, sql in clickhouse.items():
        _write(target / "clickhouse" / "migrations" / "unclustered" / name, sql)
    for name, sql in postgres.items():
        _write(target / "prisma" / "migrations" / name / "migration.sql", sql)
    return target


def folder_of_release(target: Path, release: str) -> Path:
    """A folder with what the stand-in of a release ships."""
    _, last_postgres = LAST[release]
    for path in clickhouse_files(release):
        folder = target / "clickhouse" / "migrations" / "unclustered"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)
    for path in (STAND_IN / "postgres").iterdir():
        if path.name <= last_postgres:
            shutil.copytree(path, target / "prisma" / "migrations" / path.name)
    return target


def clickhouse_files(release: str) -> Iterator[Path]:
    """What the stand-in of a release applies to ClickHouse, in order."""
    return (path for path in sorted((STAND_IN / "clickhouse").glob("*.up.sql")) if path.name[:4] <= LAST[release][0])


def _write(path: Path, sql: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sql, encoding="utf-8")
