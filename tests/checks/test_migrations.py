"""The migration gate against real databases: what it lets through, what it stops, and that the data is still there."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import evidence
from checks.clickhouse_login import Login, rows
from checks.migrations import MigrationProvider
from checks.pending_migrations import clickhouse_live, postgres_live
from policy import migrations
from policy.migrations.allowed import HERE, functions
from tests.checks.clickhouse_session import Session, as_langfuse, as_operator, session_with
from tests.checks.containers import Container, gate_inputs
from tests.checks.gates import green, red
from tests.checks.postgres_database import Database
from tests.checks.shipped import clickhouse_files, folder_of, folder_of_release

pytestmark = pytest.mark.docker

numbers = count()
LEDGER = "CREATE TABLE _prisma_migrations (migration_name text, finished_at timestamptz, rolled_back_at timestamptz)"
FIRST_CLICKHOUSE = {"0001_traces.up.sql": "CREATE TABLE traces (id String) ENGINE = MergeTree ORDER BY id;"}
FIRST_POSTGRES = {"20240101_init": 'CREATE TABLE "models" ("id" TEXT);'}


@pytest.fixture
def login(clickhouse: Container) -> Login:
    """A database of its own, as the operator: Langfuse's user sees no database but its own."""
    name = f"migrated_{next(numbers)}"
    operator = as_operator(clickhouse)
    with session_with(operator) as session:
        session.run(f"CREATE DATABASE {name}")
    return replace(operator, database=name)


@pytest.fixture
def session(login: Login) -> Iterator[Session]:
    with session_with(login) as session:
        yield session


@pytest.fixture
def inputs(login: Login, database: Database) -> dict[str, Any]:
    """What the program gives the gate, aimed at databases that no migration has touched."""
    database.with_schema()
    return {
        **gate_inputs("migration-gate"),
        "http_address": login.http_address,
        "user": login.user,
        "password": login.password,
        "database": login.database,
        "direct_url": database.url(),
        "admin_url": database.admin_url,
        "deadline_seconds": 0,
    }


def note(login: Login, session: Session, *, newest: int, dirty: int = 0) -> None:
    ledger = f"{login.database}.schema_migrations"
    session.run(f"CREATE TABLE IF NOT EXISTS {ledger} (version Int64, dirty UInt8, sequence UInt64) ENGINE = TinyLog")
    session.fill(login.database, "schema_migrations", version=[newest], dirty=[dirty], sequence=[newest])


def release_3(login: Login, session: Session, database: Database, folder: Path) -> None:
    """Both databases as release 3 leaves them."""
    for path in clickhouse_files("3"):
        for statement in filter(str.strip, path.read_text().split(";")):
            session.client.command(statement, settings={"database": login.database})
    note(login, session, newest=37)
    database.langfuse(LEDGER)
    for path in sorted((folder / "prisma" / "migrations").iterdir()):
        sql = (path / "migration.sql").read_text().replace("{", "{{").replace("}", "}}")
        database.langfuse(sql)
        database.langfuse("INSERT INTO _prisma_migrations VALUES ('{name}', now(), NULL)".replace("{name}", path.name))


@pytest.mark.parametrize("release", ["3", "4"])
def test_a_first_install_on_empty_databases_passes(inputs: dict[str, Any], tmp_path: Path, release: str) -> None:
    found = green(MigrationProvider, inputs, folder=str(folder_of_release(tmp_path, release)))
    verdicts = {entry["file"]: entry["verdict"] for entry in found["pending"]}
    assert verdicts["0001_traces.up.sql"] == "additive"
    assert verdicts["0029_drop_traces_amts.up.sql"] == "net-additive"
    assert set(verdicts.values()) == {"additive", "net-additive"}
    assert ("20260723150000_drop_legacy_tracing_tables" in verdicts) is (release == "4")


def test_an_upgrade_passes_where_what_it_drops_is_empty_and_is_stopped_where_it_holds_rows(
    inputs: dict[str, Any], login: Login, session: Session, database: Database, tmp_path: Path
) -> None:
    release_3(login, session, database, folder_of_release(tmp_path / "3", "3"))
    session.fill(login.database, "traces", id=["a"], name=["kept"])
    upgrade = str(folder_of_release(tmp_path / "4", "4"))
    found = green(MigrationProvider, inputs, folder=upgrade)
    assert {entry["file"]: entry["verdict"] for entry in found["pending"]}[
        "0044_drop_event_log.up.sql"
    ] == "net-additive"

    session.fill(login.database, "event_log", id=["a", "b"])
    database.langfuse("INSERT INTO traces (id, project_id) VALUES ('t', 'p')")
    stopped = red(MigrationProvider, inputs, folder=upgrade)
    assert stopped.label == "migration gate"
    assert "0044_drop_event_log.up.sql is destructive" in stopped.seen
    assert "event_log, 2 rows: takes the table away from 2 rows: DROP TABLE IF EXISTS event_log" in stopped.seen
    assert "20260723150000_drop_legacy_tracing_tables is destructive" in stopped.seen
    assert "0045_drop_project_environments" not in stopped.seen
    assert "policy/approved-migrations.yaml" in stopped.fix
    assert session.rows(login.database, "event_log") == 2
    assert database.langfuse("SELECT count(*) FROM traces") == [(1,)]


@pytest.mark.attack(
    "a release whose migration drops a ClickHouse table that holds rows",
    layer="migration gate",
    message="is destructive, sha256",
)
def test_a_clickhouse_migration_that_drops_rows_is_stopped_before_boot(
    inputs: dict[str, Any], login: Login, session: Session, tmp_path: Path
) -> None:
    session.run(f"CREATE TABLE {login.database}.traces (id String) ENGINE = MergeTree ORDER BY id")
    session.fill(login.database, "traces", id=["a", "b", "c"])
    note(login, session, newest=1)
    drop = {"0002_drop.up.sql": "ALTER TABLE traces DELETE WHERE 1;"}
    stopped = red(MigrationProvider, inputs, folder=str(folder_of(tmp_path, FIRST_CLICKHOUSE | drop, FIRST_POSTGRES)))
    assert "0002_drop.up.sql is destructive, sha256" in stopped.seen
    assert "traces, 3 rows" in stopped.seen
    assert session.rows(login.database, "traces") == 3


@pytest.mark.attack(
    "a release whose migration drops a Postgres column of a table that holds rows",
    layer="migration gate",
    message="is destructive, sha256",
    alone=True,
)
def test_a_postgres_migration_that_drops_values_is_stopped_before_boot(
    inputs: dict[str, Any], database: Database, tmp_path: Path
) -> None:
    database.langfuse(
        LEDGER,
        "INSERT INTO _prisma_migrations VALUES ('20240101_init', now(), NULL)",
        "CREATE TABLE models (id text)",
        "INSERT INTO models VALUES ('kept')",
    )
    drop = {"20240102_drop": 'ALTER TABLE "models" DROP COLUMN "id";'}
    stopped = red(MigrationProvider, inputs, folder=str(folder_of(tmp_path, FIRST_CLICKHOUSE, FIRST_POSTGRES | drop)))
    assert "20240102_drop is destructive, sha256" in stopped.seen
    assert "models.id, 1 rows" in stopped.seen
    assert database.langfuse("SELECT id FROM models") == [("kept",)]


@pytest.mark.attack(
    "a migration that deletes rows inside CREATE TABLE … AS WITH",
    layer="migration gate",
    message="is destructive, sha256",
    alone=True,
)
def test_a_delete_inside_the_query_of_a_new_table_is_stopped_before_boot(
    inputs: dict[str, Any], database: Database, tmp_path: Path
) -> None:
    database.langfuse(
        LEDGER,
        "INSERT INTO _prisma_migrations VALUES ('20240101_init', now(), NULL)",
        "CREATE TABLE traces (id text)",
        "INSERT INTO traces SELECT number::text FROM generate_series(1, 7) AS number",
    )
    moved = {
        "20240102_move": "CREATE TABLE x WITHOUT OIDS AS WITH a AS (SELECT 1 AS ttl), "
        "d AS (DELETE FROM traces RETURNING id) SELECT id FROM d"
    }
    folder = folder_of(tmp_path, FIRST_CLICKHOUSE, FIRST_POSTGRES | moved)
    stopped = red(MigrationProvider, inputs, folder=str(folder))
    assert "20240102_move is destructive, sha256" in stopped.seen
    assert "traces, 7 rows" in stopped.seen
    assert database.langfuse("SELECT count(*) FROM traces") == [(7,)]


def test_a_refusal_says_what_to_do_about_what_was_found(
    inputs: dict[str, Any], database: Database, tmp_path: Path
) -> None:
    database.langfuse(LEDGER, "CREATE TABLE models (id text)", "INSERT INTO models VALUES ('kept')")
    folder = tmp_path / "set"
    for sql, fix in (
        ("SELECT purge()", "no rule knows it"),
        ("nonsense", "the database's own parser refuses it"),
        ("TRUNCATE models", "nobody needs these rows"),
        ("DROP TABLE public.orders", "not Langfuse's own"),
    ):
        stopped = red(MigrationProvider, inputs, folder=str(folder_of(folder, FIRST_CLICKHOUSE, {"20240101_x": sql})))
        assert fix in stopped.fix
        assert stopped.fix.count(";") <= 3


def test_the_gate_asks_nothing_of_a_server_that_it_cannot_reach(inputs: dict[str, Any], tmp_path: Path) -> None:
    folder = str(folder_of(tmp_path, FIRST_CLICKHOUSE, FIRST_POSTGRES))
    assert red(MigrationProvider, inputs, folder=folder, http_address="127.0.0.1:1").seen


def test_what_the_server_says_is_harmless_is_what_the_list_says(database: Database) -> None:
    query = (HERE / "known.sql").read_text(encoding="utf-8")
    unlisted = functions() - {str(name) for (name,) in database.with_schema().langfuse(query)}
    by_hand = "clock_timestamp gen_random_bytes gen_random_uuid nextval random timeofday uuid_generate_v4"
    assert unlisted == set(by_hand.split())


@pytest.mark.attack(
    "a release downgrade over a newer release's data",
    layer="migration gate",
    message="no migration found for version",
    alone=True,
)
def test_a_release_downgrade_is_refused(
    inputs: dict[str, Any], login: Login, session: Session, database: Database, tmp_path: Path
) -> None:
    older = str(folder_of(tmp_path, FIRST_CLICKHOUSE, FIRST_POSTGRES))
    database.langfuse(LEDGER, "INSERT INTO _prisma_migrations VALUES ('20270101_newer', now(), NULL)")
    stopped = red(MigrationProvider, inputs, folder=older, deadline_seconds=60)
    assert stopped.seen.startswith("no migration found for version 20270101_newer: the Postgres ledger has 1")
    database.langfuse("DELETE FROM _prisma_migrations")
    note(login, session, newest=46)
    stopped = red(MigrationProvider, inputs, folder=older, deadline_seconds=60)
    assert stopped.seen.startswith("no migration found for version 46: the ClickHouse ledger is at 46")
    assert "a release is never put back" in stopped.fix


def test_an_approval_of_this_very_content_lets_it_through(
    inputs: dict[str, Any], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.langfuse(LEDGER, "CREATE TABLE models (id text)", "INSERT INTO models VALUES ('kept')")
    drop = 'DROP TABLE "models";'
    folder = str(folder_of(tmp_path, FIRST_CLICKHOUSE, {"20240101_drop": drop}))
    approvals = tmp_path / "approved.yaml"
    monkeypatch.setattr(migrations, "APPROVALS_FILE", approvals)
    digests = (hashlib.sha256(drop.encode()).hexdigest(), "0" * 64)
    entries = "".join(
        f"\n  - {{sha256: '{digest}', file: 20240101_drop, reason: copied elsewhere}}" for digest in digests
    )
    approvals.write_text(f"approved:{entries}\n")
    found = green(MigrationProvider, inputs, folder=folder)
    assert [entry["approved"] for entry in found["pending"]] == ["copied elsewhere", ""]
    assert found["stale_approvals"] == ["20240101_drop"]
    approvals.write_text("approved:\n  - {sha256: short, file: x, reason: copied elsewhere}\n")
    assert "approved.0.sha256" in red(MigrationProvider, inputs, folder=folder).seen


def test_evidence_is_written_of_what_was_stopped(
    inputs: dict[str, Any], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.langfuse(LEDGER, "CREATE TABLE models (id text)", "INSERT INTO models VALUES ('kept')")
    run = tmp_path / "run"
    run.mkdir()
    monkeypatch.setenv(evidence.FOLDER_VARIABLE, str(run))
    red(
        MigrationProvider,
        inputs,
        folder=str(folder_of(tmp_path, FIRST_CLICKHOUSE, {"20240101_drop": 'TRUNCATE "models";'})),
    )
    [record] = [path for path in run.iterdir() if "-migrations-" in path.name]
    assert '"verdict": "destructive"' in record.read_text()


def test_tables_without_a_ledger_are_refused(
    inputs: dict[str, Any], login: Login, session: Session, database: Database, tmp_path: Path
) -> None:
    folder = str(folder_of(tmp_path, FIRST_CLICKHOUSE, FIRST_POSTGRES))
    database.langfuse("CREATE TABLE somebody_elses (id int)")
    assert "langfuse holds somebody_elses and no ledger" in red(MigrationProvider, inputs, folder=folder).seen
    session.run(f"CREATE TABLE {login.database}.strange (id String) ENGINE = Log")
    assert f"{login.database} holds strange and no ledger" in red(MigrationProvider, inputs, folder=folder).seen


def test_a_ledger_that_was_cut_short_is_refused(
    inputs: dict[str, Any], login: Login, session: Session, database: Database, tmp_path: Path
) -> None:
    folder = str(folder_of(tmp_path, FIRST_CLICKHOUSE, FIRST_POSTGRES))
    database.langfuse(LEDGER, "INSERT INTO _prisma_migrations VALUES ('20240101_init', NULL, NULL)")
    assert red(MigrationProvider, inputs, folder=folder).seen == "unfinished: 20240101_init"
    note(login, session, newest=1, dirty=1)
    assert "version 1 is dirty" in red(MigrationProvider, inputs, folder=folder).seen


@pytest.mark.parametrize(("folder", "seen"), [("", "could not be read out"), ("/absent", "has no Postgres migrations")])
def test_a_folder_that_cannot_be_read_is_refused(inputs: dict[str, Any], folder: str, seen: str) -> None:
    assert seen in red(MigrationProvider, inputs, folder=folder, deadline_seconds=60).seen


def test_rows_are_counted_in_whatever_stores_them(login: Login, session: Session, database: Database) -> None:
    place = login.database
    for statement in (
        "CREATE TABLE source (id String) ENGINE = Null",
        "CREATE MATERIALIZED VIEW inner_rows ENGINE = MergeTree ORDER BY id AS SELECT id FROM source",
        "CREATE TABLE target (id String) ENGINE = MergeTree ORDER BY id",
        "CREATE MATERIALIZED VIEW no_rows TO target AS SELECT id FROM source",
        "CREATE VIEW plain AS SELECT id FROM target",
    ):
        session.client.command(statement, settings={"database": place})
    session.fill(place, "source", id=["a", "b"])
    note(login, session, newest=1)
    objects = clickhouse_live(login)[0].objects
    assert {name: objects[name].rows for name in ("source", "inner_rows", "target", "no_rows", "plain")} == {
        "source": 0,
        "inner_rows": 2,
        "target": 2,
        "no_rows": 0,
        "plain": 0,
    }
    database.with_schema().langfuse(
        LEDGER,
        "CREATE TABLE parent (id int) PARTITION BY LIST (id)",
        "CREATE TABLE child PARTITION OF parent FOR VALUES IN (1)",
        "INSERT INTO parent VALUES (1)",
        "CREATE MATERIALIZED VIEW stored AS SELECT id FROM parent",
        "CREATE VIEW plain AS SELECT id FROM parent",
    )
    live = postgres_live(database.url(), "langfuse").objects
    assert {name: live[name].rows for name in ("parent", "child", "stored", "plain")} == {
        "parent": 1,
        "child": 1,
        "stored": 1,
        "plain": 0,
    }
    assert live["parent"].columns == {"id": "int4"}


def test_langfuses_own_user_sees_the_rows_that_the_gate_counts(clickhouse: Container) -> None:
    own = as_langfuse(clickhouse)
    with session_with(own) as session:
        session.run(f"CREATE TABLE {own.database}.seen_by_the_gate (id String) ENGINE = MergeTree ORDER BY id")
        session.fill(own.database, "seen_by_the_gate", id=["a", "b"])
        found = {str(row[0]): row[2] for row in rows(session.client, "clickhouse_objects.sql", database=own.database)}
        columns = rows(session.client, "clickhouse_columns.sql", database=own.database)
    assert found["seen_by_the_gate"] == 2
    assert ("seen_by_the_gate", "id", "String") in [tuple(row) for row in columns]


def test_foreign_schemas_are_looked_at_anew_until_the_image_was_proven_to_leave_them_alone(
    inputs: dict[str, Any], database: Database, tmp_path: Path
) -> None:
    """A run that ended before that left a look behind that its owner's changes since would differ from."""
    given = {**inputs, "folder": str(folder_of_release(tmp_path, "3"))}
    first = MigrationProvider().create(given).outs
    assert first is not None
    stale = {**given, "retake": first["evidence"]["foreign"]["taken_at"]}
    assert MigrationProvider().diff("id", first, stale).changes
    database.admin("CREATE TABLE app.made_meanwhile (id int)")
    again = MigrationProvider().update("id", first, stale).outs
    assert again is not None
    assert "table app.made_meanwhile" in again["evidence"]["foreign"]["objects"]
    assert not MigrationProvider().diff("id", again, stale).changes
