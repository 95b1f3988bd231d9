"""Langfuse's schema and role in a real Postgres: made if absent, adopted if there, never taken away."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql

from checks.base import CheckFailedError, GateClosedError
from checks.data_keys import fingerprint_of
from checks.supabase import SchemaProvider, SupabaseProvider, refuse_other_keys
from tests.checks.gates import green, proven_after, red
from tests.checks.postgres_database import OWNER, Database

pytestmark = pytest.mark.docker

IDENTITIES = "SELECT n.oid, r.oid FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE nspname = 'langfuse'"


def test_schema_and_role_are_made_when_absent(database: Database) -> None:
    assert database.admin("SELECT FROM pg_namespace WHERE nspname = 'langfuse'") == []
    evidence = green(SchemaProvider, database.schema_inputs())
    assert (evidence["schema"], evidence["role"]) == ("langfuse", database.role)
    assert database.langfuse("CREATE TABLE made (id int)", "SELECT 'made'::regclass::oid::regclass::text") == [
        ("made",)
    ]
    assert database.langfuse("SHOW search_path") == [("langfuse",)]


def test_the_role_may_log_in_and_nothing_else(database: Database) -> None:
    database.with_schema()
    [attributes] = database.langfuse(
        "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolinherit"
        " FROM pg_roles WHERE rolname = current_user"
    )
    assert attributes == (True, False, False, False, False, False, False)


def test_twice_is_the_same_as_once(database: Database) -> None:
    database.with_schema().langfuse("CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1), (2)")
    before = database.admin(IDENTITIES)
    database.with_schema()
    assert database.admin(IDENTITIES) == before
    assert database.langfuse("SELECT id FROM kept ORDER BY id") == [(1,), (2,)]


def test_a_schema_that_is_there_is_adopted_with_its_rows(database: Database) -> None:
    database.admin(
        "CREATE ROLE {role} LOGIN",
        "CREATE SCHEMA langfuse AUTHORIZATION {role}",
        "CREATE TABLE langfuse.kept AS SELECT 7 AS id",
        "ALTER TABLE langfuse.kept OWNER TO {role}",
    )
    before = database.admin(IDENTITIES)
    found = red(SchemaProvider, database.schema_inputs())
    assert found.seen == f"of nobody that stack {OWNER} knows, and there is data in it"
    assert "STACK_ID, SALT and ENCRYPTION_KEY" in found.fix
    green(SchemaProvider, database.schema_inputs(), takes_over=True)
    database.with_schema()
    assert database.admin(IDENTITIES) == before
    assert database.langfuse("SELECT id FROM kept") == [(7,)]
    green(SupabaseProvider, database.gate_inputs())


@pytest.mark.attack(
    "another stack's keys and password over Langfuse's schema", layer="owner's mark", message="of stack", alone=True
)
def test_another_stacks_schema_is_refused_before_anything_is_changed_even_with_its_keys(database: Database) -> None:
    database.with_schema().langfuse("CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7)")
    other = {"owner": "fedcba9876543210", "role_password": "canary-of-another-stack"}
    for takes_over in (False, True):
        found = red(SchemaProvider, database.schema_inputs(), **other, takes_over=takes_over)
        assert found.seen == f"of stack {OWNER}, and this is stack fedcba9876543210"
    assert database.langfuse("SELECT id FROM kept") == [(7,)]


def test_a_schema_of_before_there_was_an_owner_is_marked_by_the_stack_that_knows_it(database: Database) -> None:
    database.with_schema().langfuse("CREATE TABLE kept (id int)")
    [(comment,)] = database.admin("SELECT obj_description('langfuse'::regnamespace)")
    with psycopg.connect(database.admin_url, autocommit=True) as db:
        before = sql.Literal(comment.partition(" owner:")[0])
        db.execute(sql.SQL("COMMENT ON SCHEMA langfuse IS {}").format(before))
    identity = green(SupabaseProvider, database.gate_inputs())["identity"]
    assert "knows" in red(SchemaProvider, database.schema_inputs()).seen
    proven_after(SchemaProvider, database.schema_inputs(), {"identity": identity})
    assert database.admin("SELECT obj_description('langfuse'::regnamespace)") == [(comment,)]


OTHER_KEYS = "its data was written with another SALT, another ENCRYPTION_KEY, or both"


@pytest.mark.attack(
    "a lost state, and a vault with the right STACK_ID and another SALT or ENCRYPTION_KEY",
    layer="mark of the data's keys",
    message=OTHER_KEYS,
    alone=True,
)
@pytest.mark.parametrize(("salt", "key"), [("another", "a" * 64), ("salt", "b" * 64), ("another", "b" * 64)])
def test_data_is_taken_over_with_the_keys_that_it_was_written_with_alone(
    database: Database, salt: str, key: str
) -> None:
    ours, other = fingerprint_of("salt", "a" * 64), fingerprint_of(salt, key)
    green(SchemaProvider, database.schema_inputs(), data_keys=ours)
    database.langfuse("CREATE TABLE kept (id int)")
    comment = "SELECT obj_description('langfuse'::regnamespace)"
    before = database.admin(comment)
    for given in ({"takes_over": True}, {"takes_over": False}):
        found = red(SchemaProvider, database.schema_inputs(), data_keys=other, role_password="canary", **given)
        assert found.seen == OTHER_KEYS
    with pytest.raises(CheckFailedError, match=OTHER_KEYS):
        refuse_other_keys(database.admin_url, "langfuse", other)
    refuse_other_keys(database.admin_url, "langfuse", ours)
    refuse_other_keys(database.admin_url, "not_there", other)
    assert database.admin(comment) == before
    assert database.langfuse("SELECT count(*) FROM kept") == [(0,)], "not even the password was changed"
    green(SchemaProvider, database.schema_inputs(), data_keys=ours, takes_over=True)


def test_keys_of_before_they_were_marked_are_marked_by_the_next_run(database: Database) -> None:
    unmarked = {name: value for name, value in database.schema_inputs().items() if name != "data_keys"}
    evidence = green(SchemaProvider, unmarked)
    assert "keys:" not in database.admin("SELECT obj_description('langfuse'::regnamespace)")[0][0]
    ours = fingerprint_of("salt", "a" * 64)
    news = {**database.schema_inputs(), "data_keys": ours}
    assert SchemaProvider().diff("id", unmarked, news).changes
    proven_after(SchemaProvider, news, evidence)
    assert f"keys:{ours}" in database.admin("SELECT obj_description('langfuse'::regnamespace)")[0][0]


def test_a_new_password_takes_the_place_of_the_old(database: Database) -> None:
    database.with_schema()
    green(SchemaProvider, database.schema_inputs(), role_password="canary-of-a-rotation")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        database.langfuse("SELECT 1")
    assert green(
        SupabaseProvider,
        database.gate_inputs(),
        **dict.fromkeys(("direct_url", "pooled_url"), database.url("canary-of-a-rotation")),
    )


@pytest.mark.parametrize("password", ['it\'s "quoted"', "100%s {role} $1 \\", "pässwörd"])
def test_any_password_is_set_as_it_is(database: Database, password: str) -> None:
    odd = Database(database.server, database.name, database.role, password).with_schema()
    assert odd.langfuse("SELECT current_user::text") == [(database.role,)]


def test_two_at_once_do_not_disturb_each_other(database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(green, SchemaProvider, database.schema_inputs()) for _ in range(4)]
    assert {run.result()["role"] for run in runs} == {database.role}
    green(SupabaseProvider, database.gate_inputs())


def test_a_run_that_holds_the_lock_is_waited_for_no_longer_than_the_deadline(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checks.postgres.SESSION_OPTIONS", "-c lock_timeout=200")
    with psycopg.connect(database.admin_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('langfuse-stack'))")
        found = red(SchemaProvider, database.schema_inputs(), deadline_seconds=1)
    assert found.probe == "schema_create.sql"
    assert "lock timeout" in found.seen
    database.with_schema()


def test_an_administrator_with_too_few_rights_is_told_which(database: Database) -> None:
    database.with_schema()
    found = red(SchemaProvider, {**database.schema_inputs(), "admin_url": database.url(), "role": "another"})
    assert found.probe == "schema_create.sql"
    assert found.seen == "InsufficientPrivilege: permission denied to create role"


def test_a_wrong_administrator_password_is_named(database: Database) -> None:
    inputs = database.schema_inputs()
    wrong = inputs["admin_url"].replace("result-of-postgres-admin-password", "canary-of-the-administrator")
    found = red(SchemaProvider, inputs, admin_url=wrong)
    place = database.server.published[5432]
    assert found.probe == f"login for schema changes as postgres at {place}/{database.name}"
    assert found.seen == "password authentication failed (28P01)"
    assert "never recreate the database" in found.fix


def test_a_refused_deletion_leaves_everything(database: Database) -> None:
    database.with_schema().langfuse("CREATE TABLE kept (id int)")
    with pytest.raises(GateClosedError, match="never deleted"):
        SchemaProvider().delete("langfuse schema", database.schema_inputs())
    assert database.langfuse("SELECT count(*) FROM kept") == [(0,)]


def test_the_password_never_reaches_the_server_log(database: Database) -> None:
    database.with_schema()
    green(SchemaProvider, database.schema_inputs(), role_password="canary-of-a-rotation")
    log = database.server.logs()
    assert f'ALTER ROLE "{database.role}" PASSWORD \'SCRAM-SHA-256$' in log, "the server does not log statements"
    assert database.password not in log
    assert "canary" not in log
