"""Ways to lose somebody else's rows in the shared database, tried on a server that holds them."""

from typing import LiteralString

import psycopg
import pytest

from checks.supabase import foreign_snapshot
from tests.attacks import attack
from tests.checks.postgres_database import Database

pytestmark = pytest.mark.docker

ROLE, TRIGGER = "Postgres role confined to its schema", "Postgres event trigger (local server)"
NO_RIGHT = "permission denied for schema app"
KEPT = "langfuse-stack keeps"


@pytest.fixture
def guarded(database: Database) -> Database:
    """With Langfuse's schema, and with the event trigger as the program asks for it."""
    return Database(database.server, database.name, database.role, database.password, guarded=True).with_schema()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        attack("DROP TABLE app.customers", "DROP TABLE in a foreign schema as Langfuse's role", ROLE, NO_RIGHT),
        attack("TRUNCATE app.customers", "TRUNCATE in a foreign schema as Langfuse's role", ROLE, NO_RIGHT),
        attack(
            "ALTER TABLE app.customers DROP COLUMN email",
            "ALTER TABLE in a foreign schema as Langfuse's role",
            ROLE,
            NO_RIGHT,
        ),
        attack(
            "DELETE FROM app.customers", "DELETE in a foreign schema as Langfuse's role", ROLE, NO_RIGHT, alone=True
        ),
        attack(
            "DROP SCHEMA app CASCADE", "DROP of a foreign schema as Langfuse's role", ROLE, "must be owner of schema"
        ),
        attack("CREATE SCHEMA other", "CREATE SCHEMA as Langfuse's role", ROLE, "permission denied for database"),
        attack("CREATE ROLE other", "CREATE ROLE as Langfuse's role", ROLE, "permission denied to create role"),
    ],
)
def test_langfuses_role_loses_nothing_of_others(database: Database, statement: LiteralString, message: str) -> None:
    database.with_schema()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=message):
        database.langfuse(statement)
    assert database.admin("SELECT count(*) FROM app.customers") == [(3,)]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        attack("DROP TABLE app.customers", "DROP TABLE in a foreign schema by its owner", TRIGGER, KEPT, alone=True),
        attack("DROP SCHEMA app CASCADE", "DROP of a foreign schema by its owner", TRIGGER, KEPT),
        attack("DROP SCHEMA langfuse CASCADE", "DROP of Langfuse's schema by the superuser", TRIGGER, KEPT),
        attack("ALTER TABLE app.customers DROP COLUMN email", "DROP COLUMN in a foreign schema", TRIGGER, KEPT),
        attack(
            "ALTER TABLE app.customers ALTER COLUMN email TYPE varchar(3) USING left(email, 3)",
            "a column of a foreign schema cut short",
            TRIGGER,
            KEPT,
        ),
    ],
)
def test_nobody_drops_what_is_outside_langfuses_schema(
    guarded: Database, statement: LiteralString, message: str
) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match=message):
        guarded.admin(statement)
    assert guarded.admin("SELECT count(email) FROM app.customers WHERE length(email) > 3") == [(3,)]
    assert guarded.langfuse("SELECT 1") == [(1,)]


def test_an_owner_who_is_no_superuser_is_refused_too(guarded: Database) -> None:
    guarded.admin(
        "GRANT CREATE ON SCHEMA public TO {role}",
        "SET ROLE {role}",
        "CREATE TABLE public.own AS SELECT 1 AS id",
    )
    with pytest.raises(psycopg.errors.RaiseException, match=KEPT):
        guarded.langfuse("DROP TABLE public.own")
    assert guarded.admin("SELECT id FROM public.own") == [(1,)]


def test_inside_its_schema_langfuse_drops_and_rewrites_as_it_likes(guarded: Database) -> None:
    guarded.langfuse(
        "CREATE TABLE a (id serial PRIMARY KEY, n int DEFAULT 1, t text)",
        "CREATE TABLE b (a int REFERENCES a)",
        "CREATE VIEW v AS SELECT n FROM a",
        "CREATE TYPE kind AS ENUM ('x')",
        "ALTER TABLE a ADD COLUMN k kind DEFAULT 'x'",
        "CREATE INDEX by_t ON a (t)",
        "CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER fires BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION noop()",
        "CREATE POLICY own ON a USING (true)",
        "ALTER TABLE a ALTER COLUMN t TYPE jsonb USING '1'::jsonb",
        "DROP POLICY own ON a",
        "DROP TRIGGER fires ON a",
        "DROP FUNCTION noop()",
        "DROP INDEX by_t",
        "ALTER TABLE a ALTER COLUMN n DROP DEFAULT",
        "ALTER TABLE b DROP CONSTRAINT b_a_fkey",
        "ALTER TABLE a DROP COLUMN k",
        "DROP TYPE kind",
        "DROP VIEW v",
        "CREATE TEMPORARY TABLE scratch (id int)",
        "DROP TABLE scratch",
        "DROP TABLE b, a",
    )
    assert guarded.admin("SELECT count(*) FROM pg_class WHERE relnamespace = 'langfuse'::regnamespace") == [(0,)]


def test_the_trigger_is_made_once_and_stays(guarded: Database) -> None:
    names = "SELECT evtname, evtenabled FROM pg_event_trigger ORDER BY evtname"
    made = guarded.admin("SELECT oid FROM pg_event_trigger ORDER BY oid")
    guarded.with_schema()
    Database(guarded.server, guarded.name, guarded.role, guarded.password).with_schema()
    assert guarded.admin("SELECT oid FROM pg_event_trigger ORDER BY oid") == made
    assert guarded.admin(names) == [("langfuse_refuse_drop", "O"), ("langfuse_refuse_rewrite", "O")]


def test_the_trigger_is_no_change_to_what_belongs_to_others(database: Database) -> None:
    before = foreign_snapshot(database.with_schema().admin_url, "langfuse")["objects"]
    Database(database.server, database.name, database.role, database.password, guarded=True).with_schema()
    assert foreign_snapshot(database.admin_url, "langfuse")["objects"] == before


def test_somebody_elses_database_gets_no_trigger_unasked(database: Database) -> None:
    database.with_schema()
    assert database.admin("SELECT FROM pg_event_trigger") == []
    assert database.admin("SELECT FROM pg_namespace WHERE nspname = 'langfuse_guard'") == []
