"""A million rows backed up and restored on real servers: equal, without a key that may delete or a key in any log."""

import io
from dataclasses import replace
from secrets import token_hex

import pytest
from minio.error import S3Error

from checks.supabase import SchemaProvider
from ops.backup import postgres
from ops.backup.catalog import entries, named, newest
from ops.backup.make import back_up
from ops.backup.manifest import Manifest
from ops.backup.rehearse import restore_gateway
from ops.backup.restore import restore
from ops.backup.verify import problems
from ops.session import OpsError, RefusedError
from tests.backup.conftest import MILLION
from tests.backup.servers import World
from tests.checks.containers import gate_inputs
from tests.checks.gates import green

pytestmark = pytest.mark.docker
CONTENT = "SELECT toString((count(), groupBitXor(cityHash64(*)))) FROM {}"


def test_a_million_rows_come_back_with_equal_hashes_after_the_copy_was_destroyed(filled: World, made: Manifest) -> None:
    """The copy is a restored one: first it is destroyed, then it is restored from the same backup, and equal again."""
    live = filled.access.database
    before = filled.query(CONTENT.format(f"{live}.traces"))
    assert before[0].startswith(f"({MILLION},")
    copy, again = (f"r_{token_hex(4)}" for _ in range(2))
    assert all(entry.same for entry in restore(filled.access, made, copy, print))
    filled.run(f"ALTER TABLE {copy}.traces DELETE WHERE 1 SETTINGS mutations_sync = 2")
    assert filled.query(CONTENT.format(f"{copy}.traces")) == ["(0,0)"]
    with filled.access.postgres.session() as db, db.transaction():
        db.execute(f"DELETE FROM {copy}.projects".encode())
        destroyed, live_projects = (postgres.fingerprint(db, name).tables for name in (copy, "langfuse"))
        assert [table.rows for table in destroyed] == [424, 0]
        assert destroyed != live_projects
    compared = restore(filled.access, made, again, print)
    assert filled.query(CONTENT.format(f"{again}.traces")) == before
    assert {(entry.store, entry.table) for entry in compared if entry.same} == {
        ("ClickHouse", "traces"),
        ("ClickHouse", "schema_migrations"),
        ("Postgres", "projects"),
        ("Postgres", "_prisma_migrations"),
    }
    assert filled.query(CONTENT.format(f"{live}.traces")) == before


def test_postgres_comes_back_below_another_name_out_of_langfuses_reach_and_the_passage_is_gone(
    filled: World, made: Manifest
) -> None:
    into = f"r_{token_hex(4)}"
    restore(filled.access, made, into, print)
    server = filled.access.postgres
    with server.session() as db, db.transaction():
        restored, live = (postgres.fingerprint(db, name) for name in (into, "langfuse"))
        assert (restored.tables, restored.ledger) == (live.tables, 424)
        reach = "SELECT has_schema_privilege('langfuse', %s, 'USAGE'), has_schema_privilege('langfuse', %s, 'CREATE')"
        assert db.execute(reach, [into, into]).fetchall() == [(False, False)]
        assert db.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'langfuse_restore%'").fetchall() == [
            (0,)
        ]


def test_the_manifest_says_what_is_in_the_backup(filled: World, made: Manifest) -> None:
    stored = filled.access.store.manifest(made.id)
    assert stored == made
    assert (made.kind, made.base, made.clickhouse.ledger, made.postgres.ledger) == ("full", None, 37, 424)
    assert {table.name: table.rows for table in made.clickhouse.tables} == {"traces": MILLION, "schema_migrations": 1}
    assert {table.name: table.rows for table in made.postgres.tables} == {"projects": 5000, "_prisma_migrations": 424}
    assert problems(filled.access.store, made, read_data=True) == []


def test_an_incremental_backup_writes_only_what_is_new_and_restores_all(filled: World, made: Manifest) -> None:
    live = filled.access.database
    filled.run(f"INSERT INTO {live}.traces SELECT number, now64(3), 'new' FROM numbers({MILLION}, 1000)")
    second = back_up(filled.access, incremental=True)
    assert (second.kind, second.base) == ("incremental", made.id)
    assert second.clickhouse.size * 10 < made.clickhouse.size
    into = f"r_{token_hex(4)}"
    assert all(entry.same for entry in restore(filled.access, second, into, print))
    assert filled.query(CONTENT.format(f"{into}.traces")) == filled.query(CONTENT.format(f"{live}.traces"))


def test_the_key_that_wrote_it_may_delete_nothing(filled: World, made: Manifest) -> None:
    store = filled.access.store
    key = f"{made.id}/manifest.json"
    [version] = [entry.version for entry in store.versions(key)]
    for attempt in (
        lambda: store.client.remove_object(store.bucket, key),
        lambda: store.client.remove_object(store.bucket, key, version_id=version),
        lambda: store.client.remove_bucket(store.bucket),
        lambda: store.client.put_object(store.data[0], "x", io.BytesIO(b"x"), 1),
    ):
        with pytest.raises(S3Error) as refused:
            attempt()
        assert refused.value.code == "AccessDenied"
    assert store.manifest(made.id) == made


def test_no_statement_that_the_server_keeps_shows_the_key(filled: World, made: Manifest) -> None:
    secret = gate_inputs("minio-backup-key")["secret_key"]
    filled.run("SYSTEM FLUSH LOGS")
    mine = filled.query(f"SELECT query FROM system.query_log WHERE query LIKE '%{made.id}%'")
    assert any("BACKUP DATABASE" in query for query in mine)
    assert not [query for query in mine if secret in query or "langfuse-backup'" in query]
    listed = filled.query("SELECT concat(name, error, base_backup_name) FROM system.backups")
    assert listed
    assert not [text for text in listed if secret in text]


@pytest.mark.parametrize(
    ("into", "says"),
    [
        ("langfuse", "what the stack works with"),
        ("system", "cannot be restored into"),
        ("public", "cannot be restored into"),
        ("pg_mine", "cannot be restored into"),
        ("a`; DROP", "cannot be restored into"),
        ("app", "Postgres has a schema app already"),
    ],
)
def test_a_name_that_is_taken_or_not_plain_is_refused(filled: World, made: Manifest, into: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        restore(filled.access, made, into, print)


def test_a_restored_name_is_not_restored_into_again(own: World) -> None:
    made = back_up(own.access)
    into = f"r_{token_hex(4)}"
    restore(own.access, made, into, print)
    with pytest.raises(RefusedError, match="already"):
        restore(own.access, made, into, print)


def test_an_incremental_backup_without_one_before_it_is_full(own: World) -> None:
    """A schedule may begin on any day of the week."""
    empty = own.access.store.data[1]
    store = replace(own.access.store, bucket=empty)
    assert newest(store) is None
    assert entries(store) == []
    with pytest.raises(OpsError, match="no finished backup yet"):
        named(store, None)


@pytest.fixture
def with_keys(filled: World) -> World:
    """The same servers, where the gateway has a database of its own with virtual keys."""
    name = f"litellm_{token_hex(4)}"
    green(
        SchemaProvider,
        {
            **filled.database.schema_inputs(),
            "database": name,
            "schema": "litellm",
            "role": name,
            "event_trigger": False,
        },
    )
    gateway = filled.access.postgres.at_database(name)
    with gateway.session() as db:
        db.execute("CREATE TABLE litellm.keys AS SELECT n AS id, repeat('k', n) AS token FROM generate_series(1, 99) n")
    return replace(filled, access=replace(filled.access, gateway=gateway))


def test_virtual_keys_are_in_the_backup_and_come_back_beside_the_live_ones(with_keys: World) -> None:
    to = with_keys.access
    made = back_up(to)
    assert to.gateway
    assert made.gateway
    assert [(table.name, table.rows) for table in made.gateway.tables] == [("keys", 99)]
    assert to.store.manifest(made.id) == made
    assert problems(to.store, made, read_data=False) == []
    with to.gateway.session() as db:
        db.execute("UPDATE litellm.keys SET token = 'spoilt'")
    into = f"r_{token_hex(4)}"
    compared = restore(to, made, into, print)
    assert [(entry.table, entry.same) for entry in compared if entry.store == "gateway"] == [("keys", True)]
    with to.gateway.session() as db:
        assert db.execute(f"SELECT max(length(token)) FROM {into}.keys".encode()).fetchall() == [(99,)]
        assert db.execute("SELECT DISTINCT token FROM litellm.keys").fetchall() == [("spoilt",)]
    with pytest.raises(RefusedError, match="what the stack works with"):
        restore(to, made, "litellm", print)


def test_a_backup_without_virtual_keys_is_read_by_former_versions(made: Manifest) -> None:
    assert '"gateway"' not in made.as_json()


def test_a_rehearsal_restores_virtual_keys_into_a_server_that_has_none(with_keys: World) -> None:
    to = with_keys.access
    made = back_up(to)
    assert made.gateway
    compared = restore_gateway(to.store, made, made.gateway, to.postgres)
    assert [(entry.table, entry.same) for entry in compared] == [("keys", True)]
