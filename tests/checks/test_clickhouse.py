"""The ClickHouse gate against real servers, right and broken."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from checks.clickhouse import NEEDED_GRANTS, ClickHouseProvider, Login
from tests.checks.clickhouse_session import Session, session_with
from tests.checks.containers import Container, gate_inputs, paused
from tests.checks.gates import Finding, green, red

pytestmark = pytest.mark.docker

LIMITED = {"user": "limited", "password": "canary-of-limited"}


def inputs_for(server: Container) -> dict[str, Any]:
    return {
        **gate_inputs("clickhouse-gate"),
        "http_address": server.published[8123],
        "native_address": server.published[9000],
        "deadline_seconds": 5,
    }


@pytest.fixture
def inputs(clickhouse: Container) -> dict[str, Any]:
    return inputs_for(clickhouse)


@pytest.fixture
def session(inputs: dict[str, Any]) -> Iterator[Session]:
    with session_with(Login(inputs["http_address"], inputs["user"], inputs["password"], inputs["database"])) as session:
        yield session


@pytest.fixture
def without_overrides(clickhouse_without_overrides: Container) -> dict[str, Any]:
    return inputs_for(clickhouse_without_overrides)


def test_a_server_configured_by_the_program_is_proven(inputs: dict[str, Any]) -> None:
    evidence = green(ClickHouseProvider, inputs)
    assert evidence["ledger"] == 0
    assert tuple(int(part) for part in evidence["version"].split(".")[:2]) >= (24, 3)


def test_a_version_below_the_floor_is_refused_with_the_settings_that_help(inputs: dict[str, Any]) -> None:
    version = green(ClickHouseProvider, inputs)["version"]
    found = red(ClickHouseProvider, inputs, floor=[99.0, 12.0], release="4")
    assert found.probe == "SELECT version()"
    assert found.seen == f"{version}, below the floor 99.12 of Langfuse release 4"
    assert "clickhouse:image to 99.12 or newer" in found.fix
    assert "langfuse:release" in found.fix


def test_another_password_is_named_with_the_safe_way_out(inputs: dict[str, Any]) -> None:
    found = red(ClickHouseProvider, inputs, password="canary-of-clickhouse")
    assert found.probe == f"login as langfuse at http://{inputs['http_address']}"
    assert found.seen == "Code 516: authentication failed"
    assert "`make up`" in found.fix
    assert "never recreate the volume" in found.fix


def test_a_server_started_without_a_password_is_found_to_be_open(clickhouse_without_password: Container) -> None:
    found = red(ClickHouseProvider, inputs_for(clickhouse_without_password))
    assert (found.probe, found.seen) == ("login with an empty password", "accepted")
    assert "CLICKHOUSE_PASSWORD" in found.fix


def test_an_open_default_user_is_found(inputs: dict[str, Any], session: Session) -> None:
    with session.user("default", "NOT IDENTIFIED"):
        found = red(ClickHouseProvider, inputs)
    assert (found.probe, found.seen) == ("login with user default without password", "accepted")


def test_any_other_user_without_a_password_is_named(inputs: dict[str, Any], session: Session) -> None:
    with session.user("guest", "NOT IDENTIFIED"):
        found = red(ClickHouseProvider, inputs)
    assert found.seen == "users without a password: guest"
    green(ClickHouseProvider, inputs)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "http"], ids=["nothing there", "another protocol"])
def test_a_missing_native_port_is_named(
    inputs: dict[str, Any], address: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    native = inputs["http_address"] if address == "http" else address
    found = red(ClickHouseProvider, inputs, native_address=native, deadline_seconds=1)
    assert found.probe == f"native login as langfuse at {native}"
    assert native in found.seen
    assert "native port (9000)" in found.fix
    assert "Traceback" not in caplog.text + capfd.readouterr().err


def test_nothing_listening_is_named(inputs: dict[str, Any]) -> None:
    found = red(ClickHouseProvider, inputs, http_address="127.0.0.1:1", deadline_seconds=1)
    assert found.probe == "GET http://127.0.0.1:1/?query=SELECT 1"
    assert "Connection refused" in found.seen
    assert "docker logs" in found.fix


def test_a_server_in_another_time_zone_is_refused(clickhouse_in_istanbul: Container) -> None:
    found = red(ClickHouseProvider, inputs_for(clickhouse_in_istanbul))
    assert (found.probe, found.seen) == ("SELECT timezone()", "Europe/Istanbul")
    assert "<timezone>UTC</timezone>" in found.fix


def test_a_server_without_the_overrides_is_refused_for_its_system_logs(without_overrides: dict[str, Any]) -> None:
    found = red(ClickHouseProvider, without_overrides)
    assert found.probe == "clickhouse_log_tables.sql"
    extra = set(found.seen.partition(": ")[2].split(", "))
    assert {"trace_log", "text_log", "metric_log", "query_thread_log"} <= extra
    assert "query_log" not in extra
    assert 'remove="1"' in found.fix


def test_a_single_server_is_refused_where_a_cluster_is_meant(inputs: dict[str, Any]) -> None:
    found = red(ClickHouseProvider, inputs, cluster=True)
    assert found.seen == "missing: replica, shard"


@pytest.fixture
def limited(inputs: dict[str, Any], session: Session) -> Iterator[Callable[..., Finding | None]]:
    """The gate as a user who was granted just this: what it found, or None when it is green."""
    with session.user("limited", f"IDENTIFIED WITH sha256_password BY '{LIMITED['password']}'"):

        def gate(*statements: str) -> Finding | None:
            for statement in statements:
                session.run(statement)
            try:
                return red(ClickHouseProvider, inputs, **LIMITED)
            except pytest.fail.Exception:
                green(ClickHouseProvider, inputs, **LIMITED)
                return None

        yield gate


EVERYTHING_NEEDED = f"GRANT {', '.join(NEEDED_GRANTS)} ON langfuse.* TO limited"


def test_a_user_with_too_few_grants_is_told_which_to_give(limited: Callable[..., Finding | None]) -> None:
    found = limited("GRANT SELECT, INSERT, ALTER UPDATE ON langfuse.* TO limited")
    assert found
    assert found.probe == "SHOW GRANTS for limited"
    missing = [need for need in NEEDED_GRANTS if need not in {"SELECT", "INSERT", "ALTER UPDATE"}]
    assert found.seen == f"missing on langfuse.*: {', '.join(missing)}"
    assert found.fix == f"GRANT {', '.join(missing)} ON langfuse.* TO limited"


def test_the_fix_for_missing_grants_works(limited: Callable[..., Finding | None]) -> None:
    found = limited("GRANT SHOW USERS ON *.* TO limited")
    assert found
    assert limited(found.fix) is None


def test_grants_on_another_database_do_not_count(limited: Callable[..., Finding | None]) -> None:
    found = limited(EVERYTHING_NEEDED.replace("langfuse.*", "other.*"))
    assert found
    assert found.seen.startswith("missing on langfuse.*: SELECT, INSERT")


def test_a_grant_of_a_whole_group_covers_its_members(limited: Callable[..., Finding | None]) -> None:
    assert limited("GRANT SELECT, INSERT, ALTER, CREATE, DROP, SHOW USERS ON *.* TO limited") is None


def test_a_privilege_taken_out_of_a_wider_grant_is_missing(limited: Callable[..., Finding | None]) -> None:
    found = limited(
        "GRANT SELECT, INSERT, ALTER, CREATE, DROP, SHOW USERS ON *.* TO limited",
        "REVOKE DROP TABLE ON langfuse.* FROM limited",
    )
    assert found
    assert found.seen == "missing on langfuse.*: DROP TABLE"


def test_a_user_who_may_not_look_at_users_is_told_so_at_once(limited: Callable[..., Finding | None]) -> None:
    found = limited(EVERYTHING_NEEDED)
    assert found
    assert found.probe == "clickhouse_open_users.sql"
    assert "system.users" in found.seen
    assert found.fix == "GRANT the user what the message names"


@pytest.fixture
def ledger(session: Session) -> Iterator[dict[str, Any]]:
    """A database of its own with an empty ledger, as the migration tool makes it."""
    session.run("CREATE DATABASE ledger")
    session.run("CREATE TABLE ledger.schema_migrations (version Int64, dirty UInt8, sequence UInt64) ENGINE = TinyLog")
    yield {"database": "ledger"}
    session.run("DROP DATABASE ledger")


def test_a_database_without_a_ledger_is_at_migration_0(inputs: dict[str, Any]) -> None:
    assert green(ClickHouseProvider, inputs, database="never_made")["ledger"] == 0


def test_an_empty_ledger_is_at_migration_0(inputs: dict[str, Any], ledger: dict[str, Any]) -> None:
    assert green(ClickHouseProvider, inputs, **ledger)["ledger"] == 0


def test_the_newest_row_of_the_ledger_counts(inputs: dict[str, Any], ledger: dict[str, Any], session: Session) -> None:
    session.run("INSERT INTO ledger.schema_migrations VALUES (6, 1, 20), (6, 0, 30), (5, 0, 10)")
    assert green(ClickHouseProvider, inputs, **ledger)["ledger"] == 6


def test_a_dirty_ledger_is_refused_and_never_forced(
    inputs: dict[str, Any], ledger: dict[str, Any], session: Session
) -> None:
    session.run("INSERT INTO ledger.schema_migrations VALUES (6, 0, 10), (7, 1, 20)")
    found = red(ClickHouseProvider, inputs, **ledger)
    assert found.probe == "clickhouse_ledger.sql"
    assert found.seen == "version 7 is dirty: a migration was cut short"
    assert "7 if they are complete, 6 if none exists" in found.fix
    assert "never force or drop" in found.fix


def test_a_frozen_server_is_given_up_at_the_deadline(
    clickhouse: Container, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checks.clickhouse.TIMEOUT_SECONDS", 1)
    with paused(clickhouse):
        found = red(ClickHouseProvider, inputs, deadline_seconds=2)
    assert found.seen == "TimeoutError: timed out"
    assert "docker logs" in found.fix


def test_a_server_that_comes_back_within_the_deadline_is_proven(
    clickhouse: Container, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checks.clickhouse.TIMEOUT_SECONDS", 1)
    with ThreadPoolExecutor(1) as pool:
        with paused(clickhouse):
            gate = pool.submit(green, ClickHouseProvider, inputs, deadline_seconds=60)
            with pytest.raises(TimeoutError):
                gate.result(timeout=2)
        assert gate.result(timeout=60)["ledger"] == 0
