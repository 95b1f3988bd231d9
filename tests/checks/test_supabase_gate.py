"""The Postgres gate against a real server: logins, confinement shown by trying, search path, ledger."""

from typing import Any, LiteralString

import psycopg
import pytest

from checks import postgres
from checks.base import CheckFailedError
from checks.supabase import SupabaseProvider, applied_migrations
from tests.checks.containers import paused
from tests.checks.gates import green, red
from tests.checks.postgres_database import Database

pytestmark = pytest.mark.docker


@pytest.fixture
def ready(database: Database) -> Database:
    """A database with Langfuse's schema."""
    return database.with_schema()


@pytest.fixture
def inputs(ready: Database) -> dict[str, Any]:
    return ready.gate_inputs()


def test_a_confined_role_is_proven_and_every_foreign_schema_was_tried(inputs: dict[str, Any]) -> None:
    evidence = green(SupabaseProvider, inputs)
    assert evidence["refused_schemas"] == ["app", "public"]
    assert evidence["version"] >= 12


def test_the_attempts_leave_nothing_behind(ready: Database, inputs: dict[str, Any]) -> None:
    green(SupabaseProvider, inputs)
    ready.admin("GRANT ALL ON SCHEMA app TO {role}")
    red(SupabaseProvider, inputs)
    assert ready.admin("SELECT relname FROM pg_class WHERE relname = 'langfuse_must_not'") == []
    assert ready.admin("SELECT count(*) FROM app.customers") == [(3,)]


@pytest.mark.parametrize(("url", "name"), [("direct_url", "DIRECT_URL"), ("pooled_url", "DATABASE_URL")])
def test_a_wrong_password_is_named_with_the_url_it_is_in(
    ready: Database, inputs: dict[str, Any], url: str, name: str
) -> None:
    found = red(SupabaseProvider, inputs, **{url: ready.url("canary-of-somebody-else")}, deadline_seconds=1)
    place = f"{ready.server.published[5432]}/{ready.name}"
    assert found.probe == f"login through {name} as {ready.role} at {place}"
    assert found.seen == "password authentication failed (28P01)"
    assert "ALTER ROLE" in found.fix


@pytest.mark.parametrize("url", ["direct_url", "pooled_url"])
def test_a_password_that_was_not_encoded_is_told_without_being_shown(
    ready: Database, inputs: dict[str, Any], url: str
) -> None:
    for password in ("canary/of:a#url", "100%canary"):
        found = red(SupabaseProvider, inputs, **{url: ready.url(password)})
        assert found.seen.startswith("the URL: ")
        assert "percent-encode" in found.seen
        assert "canary" not in str(found)


def test_an_encoded_password_logs_in(ready: Database) -> None:
    odd = Database(ready.server, ready.name, ready.role, "canary/of:a#url%40").with_schema()
    url = odd.url("canary%2Fof%3Aa%23url%2540")
    green(SupabaseProvider, odd.gate_inputs(), direct_url=url, pooled_url=url)


def test_parameters_that_only_the_orm_knows_do_no_harm(ready: Database, inputs: dict[str, Any]) -> None:
    pooled = f"{ready.url()}&pgbouncer=true&connection_limit=5&pool_timeout=10&socket_timeout=10"
    green(SupabaseProvider, inputs, pooled_url=pooled)


def test_the_transaction_pooler_is_refused_for_migrations(inputs: dict[str, Any]) -> None:
    direct = "postgresql://langfuse:canary-of-a-pooler@aws-0.pooler.example.com:6543/postgres"
    found = red(SupabaseProvider, inputs, direct_url=direct)
    assert found.probe == "port of DIRECT_URL"
    assert found.seen.startswith("6543")
    assert "5432" in found.fix


def test_a_server_below_the_floor_is_refused(inputs: dict[str, Any]) -> None:
    found = red(SupabaseProvider, inputs, floor=99.0)
    assert found.probe == "SHOW server_version_num"
    assert "needs Postgres 99 or newer: set postgres:image" in found.fix


def test_nothing_listening_is_named(inputs: dict[str, Any]) -> None:
    nowhere = "postgresql://langfuse:canary@127.0.0.1:1/postgres"
    found = red(SupabaseProvider, inputs, direct_url=nowhere, deadline_seconds=1)
    assert found.probe == "login through DIRECT_URL as langfuse at 127.0.0.1:1/postgres"
    assert "Connection refused" in found.seen


RIGHTS: dict[str, tuple[tuple[LiteralString, ...], str]] = {
    "creating tables": (("GRANT USAGE, CREATE ON SCHEMA app TO {role}",), "CREATE TABLE"),
    "creating tables in public": (("GRANT CREATE ON SCHEMA public TO PUBLIC",), "CREATE TABLE"),
    "reading": (("GRANT USAGE ON SCHEMA app TO {role}", "GRANT SELECT ON app.customers TO {role}"), "SELECT FROM"),
    "reading one column": (
        ("GRANT USAGE ON SCHEMA app TO {role}", "GRANT SELECT (email) ON app.customers TO {role}"),
        "SELECT FROM",
    ),
    "reading as everybody": (
        ("GRANT USAGE ON SCHEMA app TO PUBLIC", "GRANT SELECT ON app.customers TO PUBLIC"),
        "SELECT FROM",
    ),
    "reading the last of many tables": (
        (
            "CREATE TABLE app.a (id int)",
            "CREATE TABLE app.z (id int)",
            "GRANT USAGE ON SCHEMA app TO {role}",
            "GRANT SELECT ON app.z TO {role}",
        ),
        "SELECT FROM",
    ),
    "reading in public": (("CREATE TABLE public.orders (id int)", "GRANT SELECT ON public.orders TO {role}"), "SELECT"),
    "writing without reading": (
        ("GRANT USAGE ON SCHEMA app TO {role}", "GRANT INSERT ON app.customers TO {role}"),
        "has_table_privilege",
    ),
    "truncating": (
        ("GRANT USAGE ON SCHEMA app TO {role}", "GRANT TRUNCATE ON app.customers TO {role}"),
        "TRUNCATE TABLE",
    ),
    "being the superuser": (("ALTER ROLE {role} SUPERUSER",), "CREATE TABLE"),
}


@pytest.mark.parametrize("right", RIGHTS)
def test_a_right_in_a_foreign_schema_is_found(ready: Database, inputs: dict[str, Any], right: str) -> None:
    statements, probe = RIGHTS[right]
    ready.admin(*statements)
    found = red(SupabaseProvider, inputs)
    assert found.probe.startswith(probe)
    assert found.seen == "allowed"
    assert "REVOKE ALL ON SCHEMA" in found.fix


@pytest.mark.parametrize(
    ("right", "probe"),
    [
        ("GRANT CREATE ON DATABASE {database} TO {role}", "CREATE SCHEMA langfuse_must_not"),
        ("ALTER ROLE {role} CREATEROLE", "CREATE ROLE langfuse_must_not"),
    ],
)
def test_a_right_on_the_whole_database_is_found(
    ready: Database, inputs: dict[str, Any], right: LiteralString, probe: str
) -> None:
    ready.admin(right)
    found = red(SupabaseProvider, inputs)
    assert (found.probe, found.seen) == (probe, "allowed")
    assert "NOCREATEROLE" in found.fix
    assert ready.admin("SELECT FROM pg_namespace WHERE nspname = 'langfuse_must_not'") == []


def test_a_right_that_is_taken_back_opens_the_gate_again(ready: Database, inputs: dict[str, Any]) -> None:
    ready.admin("GRANT USAGE ON SCHEMA app TO {role}", "GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role}")
    red(SupabaseProvider, inputs)
    ready.admin("REVOKE ALL ON SCHEMA app FROM {role}", "REVOKE ALL ON ALL TABLES IN SCHEMA app FROM {role}")
    green(SupabaseProvider, inputs)


def test_a_role_that_may_act_as_another_is_found(ready: Database, inputs: dict[str, Any]) -> None:
    ready.admin("GRANT pg_read_all_data TO {role}")
    found = red(SupabaseProvider, inputs)
    assert found.seen == "the Langfuse role is a member of pg_read_all_data"
    assert "REVOKE pg_read_all_data" in found.fix


def test_reference_tables_of_an_extension_are_nobodys_data(ready: Database, inputs: dict[str, Any]) -> None:
    ready.admin(
        "CREATE TABLE public.spatial_ref_sys (id int)",
        "ALTER EXTENSION plpgsql ADD TABLE public.spatial_ref_sys",
        "GRANT SELECT ON public.spatial_ref_sys TO PUBLIC",
    )
    green(SupabaseProvider, inputs)


def test_a_schema_of_another_owner_is_refused(ready: Database, inputs: dict[str, Any]) -> None:
    ready.admin("ALTER SCHEMA langfuse OWNER TO postgres")
    found = red(SupabaseProvider, inputs)
    assert found.seen == "schema langfuse is owned by another role"
    assert "OWNER TO" in found.fix


def test_an_absent_schema_is_named(ready: Database, inputs: dict[str, Any]) -> None:
    ready.admin("ALTER SCHEMA langfuse RENAME TO elsewhere")
    assert red(SupabaseProvider, inputs).seen == "schema langfuse is absent"


def test_a_lost_search_path_is_found(ready: Database, inputs: dict[str, Any]) -> None:
    ready.admin("ALTER ROLE {role} IN DATABASE {database} RESET search_path")
    found = red(SupabaseProvider, inputs)
    assert (found.probe, found.seen) == ("SHOW search_path", '"$user", public')
    assert "SET search_path = langfuse" in found.fix
    ready.with_schema()
    green(SupabaseProvider, inputs)


def test_a_frozen_server_is_given_up_at_the_deadline(
    ready: Database, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checks.postgres.TIMEOUT_SECONDS", 2)
    with paused(ready.server):
        found = red(SupabaseProvider, inputs, deadline_seconds=1)
    assert found.probe.startswith("login through DIRECT_URL")
    assert "timeout" in found.seen
    green(SupabaseProvider, inputs)


def test_a_server_that_freezes_in_the_middle_of_a_check_is_given_up_too(
    ready: Database, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver knows no time-out for an answer that never comes."""
    monkeypatch.setattr("checks.base.GRACE_SECONDS", 1)

    def freeze(db: psycopg.Connection[Any]) -> int:
        ready.server.pause()
        return postgres.server_version(db)

    monkeypatch.setattr("checks.supabase.server_version", freeze)
    try:
        found = red(SupabaseProvider, inputs, deadline_seconds=1)
    finally:
        ready.server.unpause()
    assert (found.probe, found.seen) == (
        "the check itself",
        "no end after 2 s: something takes connections and does not answer",
    )
    monkeypatch.undo()
    green(SupabaseProvider, inputs)


LEDGER: LiteralString = (
    "CREATE TABLE _prisma_migrations (migration_name text, finished_at timestamptz, rolled_back_at timestamptz)"
)


def test_finished_migrations_are_counted_and_rolled_back_ones_are_not(ready: Database) -> None:
    ready.langfuse(
        LEDGER,
        "INSERT INTO _prisma_migrations VALUES ('a', now(), NULL), ('b', now(), NULL), ('b', NULL, now())",
    )
    assert applied_migrations(ready.url(), "langfuse") == 2


def test_a_migration_that_was_cut_short_is_named(ready: Database) -> None:
    ready.langfuse(LEDGER, "INSERT INTO _prisma_migrations VALUES ('a', now(), NULL), ('20260101_cut', NULL, NULL)")
    with pytest.raises(CheckFailedError, match="unfinished: 20260101_cut") as found:
        applied_migrations(ready.url(), "langfuse")
    assert found.value.probe == "langfuse._prisma_migrations"
    assert "never reset" in found.value.fix


def test_an_absent_ledger_is_a_finding(ready: Database) -> None:
    with pytest.raises(CheckFailedError, match=r'relation "langfuse\._prisma_migrations" does not exist'):
        applied_migrations(ready.url(), "langfuse")
