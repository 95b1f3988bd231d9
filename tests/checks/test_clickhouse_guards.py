"""What the server itself refuses, as configured by the files of the ClickHouse component."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.checks.clickhouse_session import Session, as_operator, session_with
from tests.checks.containers import Container

pytestmark = pytest.mark.docker

TOO_BIG_TO_DROP = 359
SETTING_IS_CONSTANT = 452
WAYS_TO_LOSE_ROWS = ("DROP TABLE {table}", "TRUNCATE TABLE {table}", "ALTER TABLE {table} DROP PARTITION tuple()")
PUSHES = "SETTINGS max_table_size_to_drop = 0, max_partition_size_to_drop = 0"
numbers = count()


@pytest.fixture(scope="module")
def session(clickhouse: Container) -> Iterator[Session]:
    with session_with(as_operator(clickhouse)) as session:
        yield session


@pytest.fixture
def database(session: Session) -> str:
    """A new database; what holds rows cannot be removed from this server again."""
    name = f"guarded_{next(numbers)}"
    session.run(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def empty(session: Session, database: str) -> str:
    table = f"{database}.traces"
    session.run(f"CREATE TABLE {table} (id UInt64) ENGINE = ReplacingMergeTree ORDER BY id")
    return table


@pytest.fixture
def filled(session: Session, database: str, empty: str) -> str:
    session.fill(database, "traces", id=[1, 2, 3])
    return empty


@pytest.mark.parametrize("statement", WAYS_TO_LOSE_ROWS)
def test_a_table_with_rows_keeps_them(session: Session, database: str, filled: str, statement: str) -> None:
    assert session.refusal(statement.format(table=filled)) == TOO_BIG_TO_DROP
    assert session.rows(database, "traces") == 3


@pytest.mark.parametrize("statement", ["DROP TABLE {table}", "TRUNCATE TABLE {table}"])
def test_a_query_cannot_lift_the_limit_for_itself(session: Session, database: str, filled: str, statement: str) -> None:
    assert session.refusal(f"{statement.format(table=filled)} {PUSHES}") == SETTING_IS_CONSTANT
    assert session.rows(database, "traces") == 3


@pytest.mark.parametrize("setting", ["max_table_size_to_drop", "max_partition_size_to_drop"])
def test_a_session_cannot_lift_the_limit_for_itself(session: Session, setting: str) -> None:
    assert session.refusal(f"SET {setting} = 0") == SETTING_IS_CONSTANT


def test_the_server_holds_the_limit_for_those_whose_profile_does_not(session: Session) -> None:
    limits = session.values("SELECT value FROM system.server_settings WHERE name LIKE 'max_%_size_to_drop'")
    assert limits == ["1", "1"]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("settings", ["", PUSHES])
def test_a_database_with_rows_cannot_be_dropped(session: Session, database: str, settings: str) -> None:
    assert session.refusal(f"DROP DATABASE {database} {settings}") in {TOO_BIG_TO_DROP, SETTING_IS_CONSTANT}
    assert session.rows(database, "traces") == 3


def test_a_replaced_table_keeps_its_rows_under_another_name(session: Session, filled: str, database: str) -> None:
    """The server swaps the tables first and only then refuses to drop the old one: an error, and no row lost."""
    replace = f"CREATE OR REPLACE TABLE {filled} (id UInt64) ENGINE = MergeTree ORDER BY id"
    assert session.refusal(replace) == TOO_BIG_TO_DROP
    tables = session.values(f"SHOW TABLES FROM {database}")
    assert sum(session.rows(database, table) for table in tables) == 3


def test_an_empty_table_can_be_truncated_and_dropped(session: Session, empty: str, database: str) -> None:
    """Langfuse's own migrations drop tables that they have just made."""
    assert session.refusal(f"TRUNCATE TABLE {empty}") is None
    assert session.refusal(f"DROP TABLE {empty}") is None
    assert session.refusal(f"DROP DATABASE {database}") is None


def test_the_query_log_is_kept_with_a_ttl_and_every_other_log_is_off(session: Session) -> None:
    session.run("SYSTEM FLUSH LOGS")
    logs = session.values(r"SELECT name FROM system.tables WHERE database = 'system' AND name LIKE '%\_log'")
    assert logs == ["query_log"]
    [definition] = session.values("SELECT engine_full FROM system.tables WHERE name = 'query_log'")
    assert "TTL event_date + toIntervalDay(7)" in definition


def test_the_server_speaks_utc_and_takes_a_share_of_the_machine(session: Session) -> None:
    assert session.values("SELECT serverTimezone()") == ["UTC"]
    share = session.values(
        "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage_to_ram_ratio'"
    )
    assert share == ["0.8"]


def test_there_is_no_user_but_langfuse_and_the_operator(session: Session) -> None:
    assert session.values("SELECT name FROM system.users ORDER BY name") == ["langfuse", "langfuse_admin"]
