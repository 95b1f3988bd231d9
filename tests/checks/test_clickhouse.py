"""The ClickHouse gate against real servers, right and broken."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from checks import clickhouse_rights
from checks.clickhouse import ClickHouseProvider
from checks.clickhouse_rights import KEPT_TABLES, NEEDED
from tests.checks.clickhouse_session import Session, as_operator, session_with
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
def session(clickhouse: Container) -> Iterator[Session]:
    with session_with(as_operator(clickhouse)) as session:
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
    found = red(ClickHouseProvider, inputs, cluster=["clickhouse", "clickhouse-2"])
    assert found.seen == "1 servers, not 2"


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


TAKEN_BACK = [f"REVOKE DROP TABLE ON langfuse.{table} FROM limited" for table in KEPT_TABLES]


def given(*privileges: str) -> list[str]:
    return [f"GRANT {', '.join(privileges)} ON langfuse.* TO limited", *TAKEN_BACK]


def test_a_user_with_too_few_grants_is_told_which_to_give(limited: Callable[..., Finding | None]) -> None:
    found = limited(*given("SELECT", "INSERT", "DROP TABLE"))
    assert found
    assert found.probe == "SHOW GRANTS for limited"
    missing = ", ".join(need for need in NEEDED if need not in {"SELECT", "INSERT", "DROP TABLE"})
    assert found.seen == f"missing: {missing} ON langfuse.*"
    assert found.fix == f"GRANT {missing} ON langfuse.* TO limited"


def test_the_fix_for_missing_grants_works(limited: Callable[..., Finding | None]) -> None:
    found = limited(*given("SELECT", "DROP TABLE"))
    assert found
    assert limited(found.fix) is None


def test_a_privilege_that_is_taken_back_is_missing(limited: Callable[..., Finding | None]) -> None:
    found = limited(*given(*NEEDED), "REVOKE INSERT ON langfuse.* FROM limited")
    assert found
    assert found.seen == "missing: INSERT ON langfuse.*"


TOO_MUCH = {
    "GRANT TRUNCATE ON langfuse.* TO limited": "TRUNCATE ON langfuse.*",
    "GRANT TRUNCATE ON langfuse.traces TO limited": "TRUNCATE ON langfuse.traces",
    "GRANT ALTER DELETE ON langfuse.* TO limited": "ALTER DELETE ON langfuse.*",
    "GRANT ALTER TTL ON langfuse.* TO limited": "ALTER TTL ON langfuse.*",
    "GRANT DROP DATABASE ON langfuse.* TO limited": "DROP DATABASE ON langfuse.*",
    "GRANT DROP TABLE ON langfuse.traces TO limited": "DROP TABLE ON langfuse.traces",
    "GRANT SELECT ON default.* TO limited": "SELECT ON default.*",
    "GRANT SHOW USERS ON *.* TO limited": "SHOW USERS ON *.*",
    "GRANT SELECT ON langfuse.* TO limited WITH GRANT OPTION": "SELECT WITH GRANT OPTION ON langfuse.*",
}


@pytest.mark.parametrize("statement", TOO_MUCH)
def test_a_right_that_langfuse_does_not_need_is_found(limited: Callable[..., Finding | None], statement: str) -> None:
    found = limited(*given(*NEEDED), statement)
    assert found
    assert found.seen == f"more than Langfuse needs: {TOO_MUCH[statement]}"
    assert found.fix == f"REVOKE {TOO_MUCH[statement]} FROM limited"


def test_a_role_is_found_whatever_it_gives(limited: Callable[..., Finding | None], session: Session) -> None:
    session.run("CREATE ROLE helper")
    try:
        found = limited(*given(*NEEDED), "GRANT helper TO limited")
    finally:
        session.run("DROP ROLE helper")
    assert found
    assert "GRANT helper TO limited" in found.seen


def test_a_right_to_delete_rows_is_needed_when_deletions_are_wanted_and_too_much_otherwise(
    inputs: dict[str, Any], session: Session
) -> None:
    assert red(ClickHouseProvider, inputs, deletions=True).seen == "missing: ALTER DELETE ON langfuse.*"
    with session.user("limited", f"IDENTIFIED WITH sha256_password BY '{LIMITED['password']}'"):
        for statement in given(*NEEDED, "ALTER DELETE"):
            session.run(statement)
        green(ClickHouseProvider, inputs, **LIMITED, deletions=True)
        assert "ALTER DELETE" in red(ClickHouseProvider, inputs, **LIMITED).seen


def test_what_must_not_be_allowed_is_tried_and_not_only_read(
    limited: Callable[..., Finding | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the server said one thing and did another."""
    monkeypatch.setattr("checks.clickhouse_rights._rights", _rights_without("ALTER DELETE", "ALTER TTL"))
    found = limited(*given(*NEEDED, "ALTER TTL"))
    assert found
    assert found.probe == "ALTER TABLE langfuse.langfuse_must_not MODIFY TTL id"
    assert found.seen == "code 60, not refused for want of rights (code 497)"
    found = limited("REVOKE ALTER TTL ON langfuse.* FROM limited", "GRANT ALTER DELETE ON langfuse.* TO limited")
    assert found
    assert found.probe == "ALTER TABLE langfuse.langfuse_must_not DELETE WHERE 1"


def _rights_without(*hidden: str) -> Callable[..., list[clickhouse_rights.Right]]:
    real = clickhouse_rights._rights
    return lambda verb, statements: [right for right in real(verb, statements) if right[0] not in hidden]


def test_a_user_whose_profile_does_not_pin_the_limits_is_found(clickhouse_without_profile: Container) -> None:
    found = red(ClickHouseProvider, inputs_for(clickhouse_without_profile))
    assert found.probe == "max_table_size_to_drop of langfuse"
    assert "profile" in found.fix


def test_an_operator_who_can_lift_the_limits_is_found(inputs: dict[str, Any], session: Session) -> None:
    with session.user("loose", "IDENTIFIED WITH sha256_password BY 'canary-of-loose' SETTINGS PROFILE 'readonly'"):
        session.run("GRANT SELECT ON *.* TO loose")
        found = red(ClickHouseProvider, inputs, admin_user="loose", admin_password="canary-of-loose")
    assert found.probe.endswith("loose")


def test_another_operator_password_is_named_with_its_secret(inputs: dict[str, Any]) -> None:
    found = red(ClickHouseProvider, inputs, admin_password="canary-of-the-operator")
    assert found.probe == f"login as langfuse_admin at http://{inputs['http_address']}"
    assert "`clickhouse-admin-password`" in found.fix


@pytest.fixture
def ledger(session: Session) -> Iterator[Session]:
    """An empty ledger, as the migration tool makes it."""
    session.run(
        "CREATE TABLE langfuse.schema_migrations (version Int64, dirty UInt8, sequence UInt64) ENGINE = TinyLog"
    )
    yield session
    session.run("DROP TABLE langfuse.schema_migrations")


@pytest.mark.usefixtures("ledger")
def test_an_empty_ledger_is_at_migration_0(inputs: dict[str, Any]) -> None:
    assert green(ClickHouseProvider, inputs)["ledger"] == 0


def test_the_newest_row_of_the_ledger_counts(inputs: dict[str, Any], ledger: Session) -> None:
    ledger.run("INSERT INTO langfuse.schema_migrations VALUES (6, 1, 20), (6, 0, 30), (5, 0, 10)")
    assert green(ClickHouseProvider, inputs)["ledger"] == 6


def test_a_dirty_ledger_is_refused_and_never_forced(inputs: dict[str, Any], ledger: Session) -> None:
    ledger.run("INSERT INTO langfuse.schema_migrations VALUES (6, 0, 10), (7, 1, 20)")
    found = red(ClickHouseProvider, inputs)
    assert found.probe == "clickhouse_ledger.sql"
    assert found.seen == "version 7 is dirty: a migration was cut short"
    assert "7 if they are complete, 6 if none exists" in found.fix
    assert "never force or drop" in found.fix


def test_a_frozen_server_is_given_up_at_the_deadline(
    clickhouse: Container, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checks.clickhouse_login.TIMEOUT_SECONDS", 1)
    with paused(clickhouse):
        found = red(ClickHouseProvider, inputs, deadline_seconds=2)
    assert found.seen == "TimeoutError: timed out"
    assert "docker logs" in found.fix


def test_a_server_that_comes_back_within_the_deadline_is_proven(
    clickhouse: Container, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checks.clickhouse_login.TIMEOUT_SECONDS", 1)
    with ThreadPoolExecutor(1) as pool:
        with paused(clickhouse):
            gate = pool.submit(green, ClickHouseProvider, inputs, deadline_seconds=60)
            with pytest.raises(TimeoutError):
                gate.result(timeout=2)
        assert gate.result(timeout=60)["ledger"] == 0
