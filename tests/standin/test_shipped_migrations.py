"""The migration files that each release's image gets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import standin
from standin.layout import Layout
from standin.migrate.assemble import assemble
from standin.migrate.clustered import to_clustered
from standin.release import RELEASES

SOURCE = Path(standin.__file__).parents[1] / "migrations"
DESTRUCTIVE = re.compile(r"^\s*DROP (TABLE|VIEW|TYPE)", re.MULTILINE)


@pytest.fixture(params=["3", "4"])
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Layout]:
    release = request.param
    assemble(RELEASES[release], SOURCE, tmp_path)
    return release, Layout(tmp_path)


def versions(folder: Path) -> list[int]:
    return sorted(int(file.name[:4]) for file in folder.glob("*.up.sql"))


def test_each_release_ends_at_its_own_numbers_and_names(shipped: tuple[str, Layout]) -> None:
    release, layout = shipped
    for clustered in (False, True):
        assert versions(layout.clickhouse(clustered=clustered))[-1] == RELEASES[release].clickhouse_ledger
    names = sorted(entry.name for entry in layout.postgres.iterdir())
    assert names[-1] == RELEASES[release].last_postgres_migration
    assert len(names) == {"3": 19, "4": 24}[release]


def test_files_are_where_langfuses_image_has_them(shipped: tuple[str, Layout]) -> None:
    _, layout = shipped
    files = {str(path.relative_to(layout.shared)) for path in layout.shared.rglob("*.sql")}
    assert "prisma/migrations/20230518120000_init/migration.sql" in files
    assert "clickhouse/migrations/unclustered/0001_traces.up.sql" in files
    assert "clickhouse/migrations/clustered/0001_traces.down.sql" in files
    assert "scripts/cleanup.sql" in files


def test_every_up_file_has_its_down_file(shipped: tuple[str, Layout]) -> None:
    _, layout = shipped
    for up in layout.clickhouse(clustered=False).glob("*.up.sql"):
        assert up.with_name(up.name.replace(".up.", ".down.")).exists()


def test_the_destructive_files_of_the_real_release_are_destructive_here(shipped: tuple[str, Layout]) -> None:
    release, layout = shipped
    found = {
        int(file.name[:4])
        for file in layout.clickhouse(clustered=False).glob("*.up.sql")
        if DESTRUCTIVE.search(file.read_text())
    }
    assert found == {27, 28, 29, 36} | ({44, 45, 46} if release == "4" else set())
    names = {
        entry.name[:14]
        for entry in layout.postgres.iterdir()
        if DESTRUCTIVE.search((entry / "migration.sql").read_text())
    }
    assert {"20260723124010", "20260723150000"} & names == (
        {"20260723124010", "20260723150000"} if release == "4" else set()
    )


def test_no_file_names_a_schema_or_makes_one(shipped: tuple[str, Layout]) -> None:
    _, layout = shipped
    for file in layout.postgres.rglob("*.sql"):
        assert not re.search(r"public\.|CREATE (EXTENSION|SCHEMA)", file.read_text())


def test_only_release_4_has_a_file_to_replace_on_an_old_clickhouse(shipped: tuple[str, Layout]) -> None:
    release, layout = shipped
    assert versions(layout.old_clickhouse(clustered=False)) == ([39] if release == "4" else [])


def test_a_clustered_file_names_the_cluster_in_every_statement(shipped: tuple[str, Layout]) -> None:
    _, layout = shipped
    for file in layout.clickhouse(clustered=True).glob("*.sql"):
        statements = [part for part in file.read_text().split(";") if part.strip()]
        assert all(" ON CLUSTER default" in statement for statement in statements), file.name
        assert not re.search(r"^ENGINE = (?!Replicated|Null)", file.read_text(), re.MULTILINE)


def test_two_tables_of_the_cluster_are_on_each_server_alone_as_in_the_real_release(shipped: tuple[str, Layout]) -> None:
    _, layout = shipped
    alone = re.compile(r"CREATE TABLE (\w+) ON CLUSTER default[^;]*?ENGINE = (?!Replicated|Null)")
    text = "".join(file.read_text() for file in layout.clickhouse(clustered=True).glob("*.up.sql"))
    assert set(alone.findall(text)) == {"event_log", "dataset_run_items"}


def test_plain_strings_hold_backslashes_and_release_4_sets_an_isolation_level(shipped: tuple[str, Layout]) -> None:
    release, layout = shipped
    text = "".join(path.read_text() for path in layout.postgres.rglob("*.sql"))
    assert re.search(r"'[^'\n]*\\'", text)
    assert ("SET TRANSACTION ISOLATION LEVEL" in text) is (release == "4")


@pytest.mark.parametrize(
    ("sql", "clustered"),
    [
        ("CREATE TABLE t (a Int8) ENGINE = Null;", "CREATE TABLE t ON CLUSTER default (a Int8) ENGINE = Null;"),
        ("DROP VIEW IF EXISTS v;", "DROP VIEW IF EXISTS v ON CLUSTER default;"),
        ("ALTER TABLE t MODIFY COLUMN a Int16;", "ALTER TABLE t ON CLUSTER default MODIFY COLUMN a Int16;"),
        (
            "CREATE MATERIALIZED VIEW IF NOT EXISTS m TO t AS SELECT 1;",
            "CREATE MATERIALIZED VIEW IF NOT EXISTS m ON CLUSTER default TO t AS SELECT 1;",
        ),
        ("x\nENGINE = ReplacingMergeTree(a, b)\n", "x\nENGINE = ReplicatedReplacingMergeTree(a, b)\n"),
    ],
)
def test_statements_are_made_clustered(sql: str, clustered: str) -> None:
    assert to_clustered(sql) == clustered
