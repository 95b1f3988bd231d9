"""The web gate against the real ledgers of both databases: they must be exactly what the image ships."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from checks.http import WebProvider
from tests.checks.clickhouse_session import Session, as_operator, session_with
from tests.checks.containers import Container, gate_inputs
from tests.checks.gates import green, red
from tests.checks.local_server import serving
from tests.checks.postgres_database import Database
from tests.checks.test_http import WEB

pytestmark = pytest.mark.docker

numbers = count()
Set = Callable[..., None]


@pytest.fixture
def session(clickhouse: Container) -> Iterator[Session]:
    with session_with(as_operator(clickhouse)) as session:
        yield session


@pytest.fixture
def inputs(clickhouse: Container, database: Database, session: Session) -> Iterator[dict[str, Any]]:
    """A web that is well, in front of databases that no migration has touched; the image ships 7 and 3 migrations."""
    name = f"web_{next(numbers)}"
    session.run(f"CREATE DATABASE {name}")
    database.with_schema().langfuse(
        "CREATE TABLE _prisma_migrations (migration_name text, finished_at timestamptz, rolled_back_at timestamptz)"
    )
    with serving(WEB) as url:
        operator = as_operator(clickhouse)  # Langfuse's user sees no database but its own
        yield {
            **gate_inputs("langfuse-web-gate"),
            "user": operator.user,
            "password": operator.password,
            "url": url,
            "http_address": clickhouse.published[8123],
            "database": name,
            "direct_url": database.url(),
            "ledgers": {"clickhouse": 7.0, "postgres": 3.0},
            "deadline_seconds": 0,
        }


@pytest.fixture
def migrated(inputs: dict[str, Any], database: Database, session: Session) -> Set:
    def migrate(clickhouse: int, postgres: int, *, dirty: int = 0) -> None:
        ledger = f"{inputs['database']}.schema_migrations"
        session.run(f"CREATE TABLE {ledger} (version Int64, dirty UInt8, sequence UInt64) ENGINE = TinyLog")
        session.fill(inputs["database"], "schema_migrations", version=[clickhouse], dirty=[dirty], sequence=[1])
        for _ in range(postgres):
            database.langfuse("INSERT INTO _prisma_migrations VALUES ('some', now(), NULL)")

    return migrate


def test_ledgers_that_are_what_the_image_ships_are_proven(inputs: dict[str, Any], migrated: Set) -> None:
    migrated(7, 3)
    evidence = green(WebProvider, inputs)
    assert evidence == {"version": "3.225.4", "ledgers": {"clickhouse": 7, "postgres": 3}}


@pytest.mark.parametrize(
    ("newest", "finished", "seen"),
    [
        (6, 3, "clickhouse 6, shipped 7"),
        (7, 2, "postgres 2, shipped 3"),
        (8, 4, "clickhouse 8, shipped 7; postgres 4, shipped 3"),
    ],
)
def test_a_ledger_behind_or_ahead_is_named(
    inputs: dict[str, Any], migrated: Set, newest: int, finished: int, seen: str
) -> None:
    migrated(newest, finished)
    found = red(WebProvider, inputs, deadline_seconds=60)
    assert found.probe == "migration ledgers against what the web image ships"
    assert found.seen == seen
    assert "langfuse:version" in found.fix


def test_a_dirty_ledger_is_named(inputs: dict[str, Any], migrated: Set) -> None:
    migrated(7, 3, dirty=1)
    assert red(WebProvider, inputs).seen == "version 7 is dirty: a migration was cut short"


def test_an_unfinished_migration_is_named(inputs: dict[str, Any], migrated: Set, database: Database) -> None:
    migrated(7, 2)
    database.langfuse("INSERT INTO _prisma_migrations VALUES ('cut', NULL, NULL)")
    assert red(WebProvider, inputs).seen == "unfinished: cut"


def test_a_store_that_refuses_the_web_gates_login_is_named(
    inputs: dict[str, Any], migrated: Set, database: Database
) -> None:
    migrated(7, 3)
    assert "516" in red(WebProvider, inputs, password="canary-of-nobody").seen
    assert "28P01" in red(WebProvider, inputs, direct_url=database.url("canary-of-nobody")).seen
