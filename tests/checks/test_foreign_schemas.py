"""The snapshot of everybody else's schemas: what changed is named, and Langfuse's own changes are nobody's business."""

from typing import Any, LiteralString

import pytest

from checks.supabase import UntouchedProvider, foreign_snapshot
from tests.checks.gates import Finding, green, red
from tests.checks.postgres_database import Database

pytestmark = pytest.mark.docker

SOMEBODY_ELSES: tuple[LiteralString, ...] = (
    "CREATE FUNCTION app.fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER fires BEFORE INSERT ON app.customers FOR EACH ROW EXECUTE FUNCTION app.fired()",
    "CREATE POLICY own ON app.customers USING (true)",
    "CREATE INDEX by_date ON app.customers (created_at)",
    "CREATE VIEW app.emails AS SELECT email FROM app.customers",
    "CREATE MATERIALIZED VIEW app.counted AS SELECT count(*) FROM app.customers",
    "CREATE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE AGGREGATE app.total (int) (SFUNC = int4pl, STYPE = int)",
    "CREATE TYPE app.mood AS ENUM ('glad', 'sad')",
    "CREATE TYPE app.pair AS (x int, y int)",
    "CREATE DOMAIN app.positive AS int CHECK (VALUE > 0)",
    "CREATE TABLE public.orders (id int)",
    "CREATE FUNCTION app.noticed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
)
CHANGED_TABLES: tuple[LiteralString, ...] = (
    "ALTER TABLE {table} ADD COLUMN phone text",
    "ALTER TABLE {table} ALTER COLUMN email TYPE varchar(200)",
    "ALTER TABLE {table} ALTER COLUMN email DROP NOT NULL",
    "ALTER TABLE {table} ALTER COLUMN email SET DEFAULT 'none'",
    "ALTER TABLE {table} DROP COLUMN created_at",
    "ALTER TABLE {table} RENAME COLUMN created_at TO made_at",
    "ALTER TABLE {table} ADD CHECK (id > 0)",
    "ALTER TABLE {table} OWNER TO {role}",
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} DISABLE TRIGGER fires",
    "DROP TRIGGER fires ON {table}",
    "CREATE POLICY more ON {table} USING (true)",
    "ALTER POLICY own ON {table} USING (false)",
    "DROP POLICY own ON {table}",
    "GRANT SELECT ON {table} TO {role}",
    "GRANT SELECT (email) ON {table} TO {role}",
    "DROP TABLE {table}",
    "ALTER TABLE {table} SET SCHEMA public",
)
CHANGES: dict[LiteralString, str] = {
    "CREATE TABLE app.invoices (id int)": "table app.invoices",
    "CREATE INDEX by_name ON app.customers (email, id)": "index app.by_name",
    "DROP INDEX app.by_date": "index app.by_date",
    "CREATE OR REPLACE VIEW app.emails AS SELECT upper(email) AS email FROM app.customers": "view app.emails",
    "DROP MATERIALIZED VIEW app.counted": "materialized view app.counted",
    "CREATE FUNCTION app.two(a int) RETURNS int LANGUAGE sql AS 'SELECT 2'": "function app.two(a integer)",
    "CREATE OR REPLACE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 2'": "function app.one()",
    "ALTER FUNCTION app.fired() SECURITY DEFINER": "function app.fired()",
    "GRANT EXECUTE ON FUNCTION app.total(int) TO {role}": "function app.total(integer)",
    "ALTER TYPE app.mood ADD VALUE 'calm'": "type app.mood",
    "ALTER TYPE app.pair ADD ATTRIBUTE z int": "composite type app.pair",
    "ALTER DOMAIN app.positive ADD CHECK (VALUE < 9)": "type app.positive",
    "GRANT USAGE ON SCHEMA app TO {role}": "schema app",
    "ALTER SCHEMA public OWNER TO {role}": "schema public",
    "CREATE SCHEMA another": "schema another",
    "CREATE EXTENSION hstore": "extension hstore",
    "CREATE EVENT TRIGGER notices ON ddl_command_start EXECUTE FUNCTION app.noticed()": "event trigger notices",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO {role}": (
        "default privileges of postgres in app on r"
    ),
    "CREATE ROLE snapshot_reader": "role snapshot_reader",
    "GRANT snapshot_reader TO postgres": "role postgres",
}
TABLE_LIKE_CUSTOMERS: tuple[LiteralString, ...] = (
    "CREATE TABLE {table} (LIKE app.customers INCLUDING ALL)",
    "INSERT INTO {table} (email) SELECT email FROM app.customers",
    "CREATE TRIGGER fires BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION app.fired()",
    "CREATE POLICY own ON {table} USING (true)",
)


@pytest.fixture
def ready(database: Database) -> Database:
    """A database with all kinds of objects that are somebody else's, and Langfuse's schema."""
    database.admin(*SOMEBODY_ELSES)
    return database.with_schema()


def snapshot(database: Database) -> dict[str, Any]:
    return foreign_snapshot(database.admin_url, "langfuse")


def after(database: Database, before: dict[str, Any]) -> dict[str, Any]:
    return {**database.foreign_inputs(), "before": before}


def test_what_was_left_alone_is_untouched(ready: Database) -> None:
    before = snapshot(ready)
    assert {"table app.customers", "schema app", "function app.one()", "type app.mood"} <= set(before["objects"])
    evidence = green(UntouchedProvider, after(ready, before))
    assert evidence["sha256"] == before["sha256"]
    assert evidence["objects"] == len(before["objects"])
    assert snapshot(ready)["sha256"] == before["sha256"]


def test_rows_of_others_may_come_and_go(ready: Database) -> None:
    before = snapshot(ready)
    ready.admin("INSERT INTO app.customers (email) VALUES ('barbara@example.com')", "DELETE FROM app.customers")
    ready.admin("VACUUM app.customers", "ANALYZE app.customers")
    green(UntouchedProvider, after(ready, before))


def test_a_table_that_was_emptied_is_named_and_closes_no_gate(ready: Database) -> None:
    for table in ("emptied", "kept", "analyzed empty"):
        ready.admin(*TABLE_LIKE_CUSTOMERS, table=table)
    ready.admin("DELETE FROM {table}", table="analyzed empty")
    ready.admin("ANALYZE")
    before = snapshot(ready)
    assert {"app.emptied", "app.kept", "app.customers"} <= set(before["filled"])
    ready.admin("TRUNCATE {table}", table="emptied")
    ready.admin("DELETE FROM app.customers", "VACUUM app.customers")
    assert green(UntouchedProvider, after(ready, before))["emptied"] == ["app.customers", "app.emptied"]
    assert green(UntouchedProvider, after(ready, snapshot(ready)))["emptied"] == []


def test_langfuses_own_changes_are_ignored(ready: Database) -> None:
    before = snapshot(ready)
    ready.langfuse(
        "CREATE TABLE traces (id int PRIMARY KEY)",
        "CREATE TYPE langfuse.kind AS ENUM ('a')",
        "CREATE FUNCTION langfuse.one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP TABLE traces",
        "CREATE TEMPORARY TABLE passing (id int)",
    )
    green(UntouchedProvider, after(ready, before))


def named(found: Finding) -> set[str]:
    return set(found.seen.removeprefix("changed: ").split(", "))


def test_every_kind_of_change_to_a_table_is_named(ready: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement changes a table of its own."""
    monkeypatch.setattr("checks.supabase.NAMED_CHANGES", 1000)
    changes = {f"changed {number}": statement for number, statement in enumerate(CHANGED_TABLES)}
    for table in changes:
        ready.admin(*TABLE_LIKE_CUSTOMERS, table=table)
    before = snapshot(ready)
    for table, statement in changes.items():
        ready.admin(statement, table=table)
    found = red(UntouchedProvider, after(ready, before))
    assert found.probe == "catalog of every schema but Langfuse's, before and after the migrations"
    assert "Nothing was undone" in found.fix
    assert [statement for table, statement in changes.items() if f'table app."{table}"' not in named(found)] == []
    assert "table app.customers" not in named(found)


def test_every_kind_of_change_to_anything_else_is_named(ready: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checks.supabase.NAMED_CHANGES", 1000)
    before = snapshot(ready)
    ready.admin(*CHANGES)
    found = red(UntouchedProvider, after(ready, before))
    assert [statement for statement, name in CHANGES.items() if name not in named(found)] == []
    assert "table app.customers" not in named(found)


def test_what_owners_store_anew_is_no_difference(ready: Database) -> None:
    ready.admin(
        "CREATE UNIQUE INDEX one_row ON app.counted (count)",
        "CREATE TABLE app.events (at date NOT NULL, kind text) PARTITION BY RANGE (at)",
        "CREATE INDEX by_kind ON app.events (kind)",
        "CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
    )
    before = snapshot(ready)
    ready.admin(
        "REINDEX TABLE app.customers",
        "REINDEX INDEX CONCURRENTLY app.by_date",
        "REFRESH MATERIALIZED VIEW app.counted",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY app.counted",
        "VACUUM FULL app.customers",
        "CLUSTER app.customers USING customers_pkey",
        "CREATE TABLE app.events_2 PARTITION OF app.events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
        "ALTER TABLE app.events DETACH PARTITION app.events_1",
        "DROP TABLE app.events_1",
        "DROP VIEW app.emails",
        "CREATE VIEW app.emails AS SELECT email FROM app.customers",
    )
    green(UntouchedProvider, after(ready, before))


def test_another_way_to_partition_and_another_index_are_differences(ready: Database) -> None:
    ready.admin("CREATE TABLE app.events (at date NOT NULL, kind text) PARTITION BY RANGE (at)")
    before = snapshot(ready)
    ready.admin(
        "DROP TABLE app.events",
        "CREATE TABLE app.events (at date NOT NULL, kind text) PARTITION BY LIST (kind)",
        "DROP INDEX app.by_date",
        "CREATE INDEX by_date ON app.customers (created_at DESC)",
    )
    found = red(UntouchedProvider, after(ready, before))
    assert named(found) == {"partitioned table app.events", "index app.by_date"}
    assert "the next run compares with how they are then" in found.fix


def test_many_changes_stay_one_readable_line(ready: Database) -> None:
    before = snapshot(ready)
    ready.admin("DO $$ BEGIN FOR n IN 1..100 LOOP EXECUTE format('CREATE TABLE app.t%s ()', n); END LOOP; END $$")
    found = red(UntouchedProvider, after(ready, before))
    assert found.seen.startswith("changed: table app.t1, table app.t10, table app.t100, ")
    assert found.seen.count(",") == 20
    assert found.seen.endswith("and 80 more")


def test_an_administrator_who_cannot_log_in_is_named_without_the_password(database: Database) -> None:
    url = database.admin_url.replace("result-of-postgres-admin-password", "canary-of-the-administrator")
    found = red(UntouchedProvider, after(database, {"objects": {}, "sha256": ""}), admin_url=url)
    assert found.probe.startswith("login to read the catalog as postgres at 127.0.0.1:")
    assert found.seen == "password authentication failed (28P01)"
