"""Ways to lose rows in ClickHouse, tried with the stack's own users on a server that holds rows."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.attacks import attack
from tests.checks.clickhouse_session import Session, as_langfuse, as_operator, session_with
from tests.checks.containers import Container

pytestmark = pytest.mark.docker

NO_RIGHT = "Not enough privileges"
TOO_BIG = "TABLE_SIZE_EXCEEDS_MAX_DROP_SIZE_LIMIT"
PINNED = "should not be changed"
LIFTED = "SETTINGS max_table_size_to_drop = 0, max_partition_size_to_drop = 0"
COLUMNS = "(id UInt64, at DateTime) ENGINE = MergeTree ORDER BY id"


@pytest.fixture(scope="module")
def langfuse(clickhouse: Container) -> Iterator[Session]:
    """Langfuse's user, with a table that no release drops and one that a release does; both hold rows."""
    with session_with(as_langfuse(clickhouse)) as session:
        for table in ("traces", "event_log"):
            session.run(f"CREATE TABLE IF NOT EXISTS langfuse.{table} {COLUMNS}")
            session.fill("langfuse", table, id=[1, 2, 3], at=[datetime(2000, 1, day, tzinfo=UTC) for day in (1, 2, 3)])
        session.run(f"CREATE TABLE IF NOT EXISTS langfuse.spare {COLUMNS}")
        yield session


@pytest.fixture(scope="module")
def operator(clickhouse: Container) -> Iterator[Session]:
    with session_with(as_operator(clickhouse)) as session:
        yield session


GRANTS, LIMIT, PROFILE = "ClickHouse grants", "ClickHouse limit on drops", "ClickHouse pinned profile"
ONLY_GRANTS = {
    "ALTER … DELETE": "ALTER TABLE langfuse.{table} DELETE WHERE 1",
    "lightweight DELETE": "DELETE FROM langfuse.{table} WHERE 1",
    "DROP COLUMN": "ALTER TABLE langfuse.{table} DROP COLUMN at",
    "RENAME": "RENAME TABLE langfuse.{table} TO langfuse.gone",
    "DETACH": "DETACH TABLE langfuse.{table}",
}
"""What loses rows or hides them, and no limit of the server stops."""


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        *(
            attack(statement.format(table="traces"), f"{name} as Langfuse's user", GRANTS, NO_RIGHT, alone=True)
            for name, statement in ONLY_GRANTS.items()
        ),
        attack("TRUNCATE TABLE langfuse.traces", "TRUNCATE as Langfuse's user", GRANTS, NO_RIGHT),
        attack("TRUNCATE DATABASE langfuse", "TRUNCATE DATABASE as Langfuse's user", GRANTS, NO_RIGHT),
        attack("DROP DATABASE langfuse", "DROP DATABASE as Langfuse's user", GRANTS, NO_RIGHT),
        attack("DROP TABLE langfuse.traces", "DROP of a core table as Langfuse's user", GRANTS, NO_RIGHT),
        attack("DROP TABLE langfuse.event_log", "DROP of a table with rows as Langfuse's user", LIMIT, TOO_BIG),
        attack(
            f"DROP TABLE langfuse.event_log {LIFTED}",
            "DROP with the limit lifted by the query, as Langfuse's user",
            PROFILE,
            PINNED,
        ),
        attack(
            "ALTER TABLE langfuse.traces DROP PARTITION tuple()",
            "DROP PARTITION as Langfuse's user",
            GRANTS,
            NO_RIGHT,
        ),
        attack(
            "ALTER TABLE langfuse.traces MODIFY TTL at + INTERVAL 1 DAY",
            "MODIFY TTL as Langfuse's user",
            GRANTS,
            NO_RIGHT,
        ),
        attack(
            "EXCHANGE TABLES langfuse.traces AND langfuse.spare",
            "EXCHANGE with an empty table as Langfuse's user",
            GRANTS,
            NO_RIGHT,
        ),
        attack(
            f"CREATE OR REPLACE TABLE langfuse.traces {COLUMNS}",
            "CREATE OR REPLACE as Langfuse's user",
            GRANTS,
            NO_RIGHT,
        ),
        attack("GRANT ALL ON langfuse.* TO langfuse", "GRANT to itself as Langfuse's user", GRANTS, NO_RIGHT),
    ],
)
def test_langfuses_user_loses_no_row(langfuse: Session, statement: str, message: str) -> None:
    with pytest.raises(DatabaseError, match=message):
        langfuse.run(statement)
    assert langfuse.rows("langfuse", "traces") >= 3
    assert langfuse.rows("langfuse", "event_log") >= 3


@pytest.mark.usefixtures("langfuse")
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        attack("DROP TABLE langfuse.traces", "DROP of a table with rows as the operator", LIMIT, TOO_BIG, alone=True),
        attack(
            "TRUNCATE TABLE langfuse.traces",
            "TRUNCATE of a table with rows as the operator",
            LIMIT,
            TOO_BIG,
            alone=True,
        ),
        attack(
            f"DROP DATABASE langfuse {LIFTED}",
            "DROP DATABASE with the limit lifted by the query, as the operator",
            PROFILE,
            PINNED,
            alone=True,
        ),
        attack(
            "CREATE USER loose IDENTIFIED WITH sha256_password BY 'canary' SETTINGS max_table_size_to_drop = 0",
            "a user without the limit, made by the operator",
            PROFILE,
            PINNED,
        ),
        attack(
            "GRANT TRUNCATE ON langfuse.* TO langfuse",
            "a wider grant to Langfuse's user by the operator",
            "ClickHouse users file",
            "this storage is readonly",
            alone=True,
        ),
    ],
)
def test_the_operator_loses_no_row_by_accident(operator: Session, statement: str, message: str) -> None:
    with pytest.raises(DatabaseError, match=message):
        operator.run(statement)
    assert operator.rows("langfuse", "traces") >= 3


@pytest.mark.usefixtures("langfuse")
def test_what_the_grants_alone_refuse_langfuses_user_is_open_to_the_operator(operator: Session) -> None:
    operator.fill("langfuse", "spare", id=[1], at=[datetime(2000, 1, 1, tzinfo=UTC)])
    for name, statement in ONLY_GRANTS.items():
        operator.run(statement.format(table="gone" if name == "DETACH" else "spare"))
    operator.run("ATTACH TABLE langfuse.gone")
    assert operator.rows("langfuse", "gone") == 0


def test_what_langfuses_migrations_do_is_allowed(langfuse: Session) -> None:
    """Each kind of statement that releases 3 and 4 ship."""
    for statement in (
        f"CREATE TABLE langfuse.made {COLUMNS}",
        "ALTER TABLE langfuse.made ADD COLUMN IF NOT EXISTS name String",
        "ALTER TABLE langfuse.made MODIFY COLUMN name Nullable(String)",
        "ALTER TABLE langfuse.made ADD INDEX by_name name TYPE bloom_filter GRANULARITY 1",
        "ALTER TABLE langfuse.made MATERIALIZE INDEX by_name",
        "ALTER TABLE langfuse.made DROP INDEX by_name",
        "ALTER TABLE langfuse.made UPDATE name = 'x' WHERE 1",
        "CREATE VIEW langfuse.seen AS SELECT id FROM langfuse.made",
        f"CREATE TABLE langfuse.copied {COLUMNS}",
        "CREATE MATERIALIZED VIEW langfuse.copies TO langfuse.copied AS SELECT id, at FROM langfuse.made",
        "ALTER TABLE langfuse.copies MODIFY QUERY SELECT id + 1 AS id, at FROM langfuse.made",
        "DROP VIEW langfuse.seen",
        "DROP VIEW langfuse.copies",
        "DROP TABLE langfuse.copied",
        "DROP TABLE langfuse.made",
        "SELECT database, table, name, partition, partition_id, active, rows FROM system.parts LIMIT 1",
        "SELECT database, table, is_done FROM system.mutations LIMIT 1",
        "SELECT database, name, engine FROM system.tables LIMIT 1",
        "SELECT * FROM system.processes LIMIT 1",
    ):
        langfuse.run(statement)
