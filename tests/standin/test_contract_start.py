"""How web starts: migrations of both databases, their ledgers, and what ends the start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.standin.docker_cli import docker, eventually
from tests.standin.stores import PASSWORD

if TYPE_CHECKING:
    from tests.standin.doubles import Double, Doubles

pytestmark = pytest.mark.docker
LEDGER = "SELECT * FROM schema_migrations ORDER BY sequence"


def test_a_first_start_migrates_both_databases_into_their_own_places(three: Double) -> None:
    assert three.ledger() == (37, 0)
    rows = three.rows(LEDGER)
    assert [(version, dirty) for version, dirty, _ in rows] == [(row[0], flag) for row in rows[::2] for flag in (1, 0)]
    assert three.sql("SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL OR length(checksum) != 64") == [
        (0,)
    ]
    assert three.sql("SELECT count(*) FROM _prisma_migrations") == [(19,)]
    assert three.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_further_starts_change_nothing(doubles: Doubles) -> None:
    double = doubles.make("3").start_web()
    counts = "SELECT (SELECT count(*) FROM {0}), (SELECT count(*) FROM {1}), (SELECT count(*) FROM {2})"
    counts = counts.format('"organizations"', '"api_keys"', '"organization_memberships"')
    before = (
        double.rows(LEDGER),
        double.sql("TABLE _prisma_migrations"),
        double.sql(counts),
    )
    double.start_web(LANGFUSE_INIT_PROJECT_NAME="renamed", LANGFUSE_INIT_USER_PASSWORD="another-password")
    after = (double.rows(LEDGER), double.sql("TABLE _prisma_migrations"), double.sql(counts))
    assert before == after
    assert double.sql('SELECT name FROM "projects"') == [("Project",)]


@pytest.mark.soak
def test_a_dirty_ledger_ends_every_start_until_a_clean_row_is_added(fresh: Double) -> None:
    fresh.start_web()
    fresh.append_ledger(37, dirty=1)
    for _ in range(2):
        assert "Dirty database version 37. Fix and force version." in fresh.refusal()
    fresh.append_ledger(37, dirty=0)
    fresh.start_web()


def test_release_3_refuses_the_ledger_of_release_4(four: Double) -> None:
    output = four.refusal(release="3")
    assert "no migration found for version 46: read down" in output
    four.start_web()


def test_release_4_ends_dirty_at_39_on_a_clickhouse_before_25_12(doubles: Doubles) -> None:
    double = doubles.make("4")
    output = double.refusal()
    assert "code: 80" in output
    assert "Only literals can be skip index arguments" in output
    assert double.ledger() == (39, 1)
    assert "Dirty database version 39" in double.refusal()


def test_release_4_upgrades_what_release_3_left(doubles: Doubles) -> None:
    double = doubles.make("3").start_web()
    double.start_web(release="4", LANGFUSE_STANDIN_OLD_CLICKHOUSE="true")
    assert double.ledger() == (46, 0)
    tables = {name for (name,) in double.rows("SHOW TABLES")}
    assert {"events_full", "events_core", "traces"} <= tables
    assert not {"event_log", "project_environments", "dataset_run_items"} & tables
    assert double.sql("SELECT to_regclass('traces'), to_regclass('dataset_run_items')") == [(None, None)]


def test_an_unfinished_postgres_migration_ends_the_start(fresh: Double) -> None:
    fresh.start_web()
    fresh.sql("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '20241024100928%'")
    output = fresh.refusal()
    assert "P3009" in output
    assert "20241024100928_add_prices_table" in output


@pytest.mark.soak
def test_another_migrator_in_the_database_makes_the_start_fail_after_ten_seconds(fresh: Double) -> None:
    with fresh.stores.postgres() as connection:
        connection.execute("SELECT pg_advisory_lock(72707369)")
        started = time.monotonic()
        output = fresh.refusal()
    assert "P1002" in output
    assert "advisory lock (72707369)" in output
    assert time.monotonic() - started > 10
    assert fresh.rows("SHOW TABLES") == []


def test_exactly_one_migration_needs_the_right_to_make_temporary_tables(fresh: Double) -> None:
    with fresh.stores.postgres() as connection:
        connection.execute("REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
        try:
            output = fresh.refusal()
        finally:
            connection.execute("GRANT TEMPORARY ON DATABASE postgres TO PUBLIC")
    assert "P3018" in output
    assert "20241024100928_add_prices_table" in output
    assert "permission denied to create temporary tables" in output
    assert "P3009" in fresh.refusal()


def test_a_schema_with_somebody_elses_tables_is_refused(fresh: Double) -> None:
    fresh.sql("CREATE TABLE belongs_to_others (id INT)")
    assert "P3005" in fresh.refusal()
    assert fresh.sql("SELECT to_regclass('_prisma_migrations')") == [(None,)]


def test_data_of_the_real_langfuse_is_refused_untouched(fresh: Double) -> None:
    fresh.start_web()
    fresh.stop("web")
    fresh.stores.clickhouse(fresh.name).command("DROP TABLE langfuse_standin")
    before = fresh.rows(LEDGER)
    assert "was migrated by Langfuse itself" in fresh.refusal()
    assert fresh.rows(LEDGER) == before
    fresh.sql("DROP TABLE langfuse_standin")
    fresh.sql("DELETE FROM _prisma_migrations WHERE migration_name LIKE '2026%'")
    assert "was migrated by Langfuse itself" in fresh.refusal()
    assert fresh.sql("SELECT count(*) FROM _prisma_migrations WHERE migration_name LIKE '2026%'") == [(0,)]


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"CLICKHOUSE_CLUSTER_ENABLED": "(unset)"}, "code: 139"),
        ({"CLICKHOUSE_PASSWORD": "wrong"}, "code: 516"),
        ({"CLICKHOUSE_DB": "absent"}, "code: 81"),
        ({"CLICKHOUSE_MIGRATION_URL": "(unset)"}, "CLICKHOUSE_MIGRATION_URL"),
        ({"CLICKHOUSE_MIGRATION_URL": "clickhouse://nowhere.invalid:9000"}, "dial tcp nowhere.invalid:9000"),
        ({"CLICKHOUSE_URL": "(unset)"}, "CLICKHOUSE_URL"),
        ({"DATABASE_URL": "(unset)"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://user:wrong@nowhere.invalid:5432/postgres"}, "P1001"),
        ({"DATABASE_URL": "postgresql://user:a/b@host:5432/postgres"}, "P1013"),
    ],
)
def test_a_wrong_address_ends_the_start_with_a_clear_line(fresh: Double, env: dict[str, str], expected: str) -> None:
    assert expected in fresh.refusal(**env)


@pytest.mark.soak
def test_the_http_port_as_migration_address_is_named_as_such(fresh: Double) -> None:
    http = fresh.env["CLICKHOUSE_URL"].replace("http://", "clickhouse://")
    assert "[hello] unexpected packet [72] from server" in fresh.refusal(CLICKHOUSE_MIGRATION_URL=http)


def test_a_wrong_postgres_password_is_p1000(fresh: Double) -> None:
    url = fresh.env["DATABASE_URL"].replace(PASSWORD, "wrong")
    output = fresh.refusal(DATABASE_URL=url)
    assert "P1000" in output
    assert "wrong@" not in output


@pytest.mark.soak
def test_migrations_go_through_direct_url_and_can_be_switched_off(fresh: Double) -> None:
    unreachable = {"DIRECT_URL": "postgresql://nowhere.invalid/postgres"}
    assert "P1001" in fresh.refusal(**unreachable)
    fresh.start_web()
    fresh.start_web(
        **unreachable,
        CLICKHOUSE_MIGRATION_URL="clickhouse://nowhere.invalid:9000",
        LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED="true",
        LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED="true",
    )


def test_wrong_variables_are_all_named(fresh: Double) -> None:
    output = fresh.refusal("worker", LANGFUSE_S3_EVENT_UPLOAD_BUCKET="", ENCRYPTION_KEY="abc")
    assert "Invalid environment variables" in output
    assert "LANGFUSE_S3_EVENT_UPLOAD_BUCKET: Required" in output
    assert "ENCRYPTION_KEY" in output
    assert "AUTH_DISABLE_SIGNUP" in fresh.refusal(AUTH_DISABLE_SIGNUP="yes")


@pytest.mark.parametrize(("mode", "behaviour"), [("legacy", "direct"), ("events_only", "dual_write")])
def test_the_worker_of_release_4_refuses_contradicting_write_modes(doubles: Doubles, mode: str, behaviour: str) -> None:
    output = doubles.make("4").refusal(
        "worker",
        LANGFUSE_MIGRATION_V4_WRITE_MODE=mode,
        LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR=behaviour,
    )
    assert f"LANGFUSE_MIGRATION_V4_WRITE_MODE={mode}" in output


@pytest.mark.soak
def test_a_failed_initialisation_leaves_a_web_that_answers_500_to_everything(fresh: Double) -> None:
    fresh.run("web", LANGFUSE_INIT_USER_PASSWORD="short")
    assert eventually(lambda: fresh.get("/api/public/ready").status_code) == 500
    assert fresh.get("/api/public/health").status_code == 500
    assert fresh.get("/").status_code == 500
    assert "Failed to prepare server" in docker("logs", fresh.web)
    fresh.start_web()


@pytest.mark.soak
def test_the_keys_of_a_public_key_that_moves_to_another_project_are_replaced(fresh: Double) -> None:
    fresh.start_web()
    fresh.start_web(LANGFUSE_INIT_PROJECT_ID="other", LANGFUSE_INIT_PROJECT_SECRET_KEY="sk-lf-new")
    assert fresh.sql('SELECT project_id FROM "api_keys"') == [("other",)]
    with fresh.client((fresh.keys[0], "sk-lf-new")) as client:
        assert client.get("/api/public/projects").json()["data"][0]["id"] == "other"


def test_without_an_organisation_every_other_init_variable_is_ignored(fresh: Double) -> None:
    fresh.start_web(LANGFUSE_INIT_ORG_ID="(unset)")
    assert fresh.sql('SELECT count(*) FROM "projects"') == [(0,)]
    assert "LANGFUSE_INIT_ORG_ID is not set" in docker("logs", fresh.web)


@pytest.mark.soak
def test_without_a_hostname_of_its_own_only_the_containers_address_is_bound(fresh: Double) -> None:
    fresh.run("web", HOSTNAME="(unset)")
    probe = ("exec", fresh.web, "wget", "-qO-", "-T", "2")
    eventually(lambda: docker(*probe, f"http://{docker('exec', fresh.web, 'hostname')}:3000/api/public/health"))
    with pytest.raises(AssertionError):
        docker(*probe, "-t", "1", "http://127.0.0.1:3000/api/public/health")
    fresh.start_web(HOSTNAME="::")
    docker(*probe, "http://127.0.0.1:3000/api/public/health")
