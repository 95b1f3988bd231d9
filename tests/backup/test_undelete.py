"""Raw events that a refused deletion hid are found and brought back, and nothing is removed on the way."""

import io
from dataclasses import dataclass, replace
from secrets import token_hex

import pytest
from minio.commonconfig import ENABLED
from minio.error import S3Error
from minio.versioningconfig import VersioningConfig

from ops.backup.access import APP_KEY, Access
from ops.session import OpsError
from ops.undelete.events import bring_back, hidden
from tests.backup.servers import World
from tests.checks.containers import gate_inputs
from tests.unit.recorder import ROOT

pytestmark = pytest.mark.docker
LOG = ROOT / "tests/standin/image/migrations/clickhouse/0011_add_blob_storage_file_log.up.sql"
TABLES = ("traces", "observations", "scores")


@dataclass(frozen=True)
class Raw:
    """A database with Langfuse's log of files, and a bucket that keeps versions."""

    world: World
    access: Access
    bucket: str

    def run(self, statement: str) -> None:
        self.world.run(statement.replace("INTO ", f"INTO {self.access.database}.", 1))

    def stored(self, entity: str, name: str, *, row: bool = True) -> str:
        """An entity with its raw event; returns the object's key."""
        key = f"project/{entity}/{name}/1.json"
        self.world.root.put_object(self.bucket, key, io.BytesIO(name.encode()), len(name))
        if row:
            self.run(f"INSERT INTO {entity}s VALUES ('project', '{name}')")
        self.log(entity, name, key, deleted=0, second=1)
        return key

    def log(self, entity: str, name: str, key: str, *, deleted: int, second: int) -> None:
        values = f"'{name}', 'project', '{entity}', '{name}', '1', '{self.bucket}', '{key}'"
        moments = f"now64(3), now64(3), toDateTime64('2026-01-01 00:00:0{second}', 3)"
        self.run(f"INSERT INTO blob_storage_file_log VALUES ({values}, {moments}, {deleted})")

    def hide(self, entity: str, name: str, key: str) -> None:
        """What Langfuse's worker does before ClickHouse refuses."""
        self.world.root.remove_object(self.bucket, key)
        self.log(entity, name, key, deleted=1, second=2)

    def read(self, key: str) -> str:
        return str(self.world.root.get_object(self.bucket, key).read().decode())

    def versions(self, key: str) -> list[bool]:
        """Whether each version is a delete marker."""
        listing = self.world.root.list_objects(self.bucket, prefix=key, include_version=True)
        return sorted(bool(entry.is_delete_marker) for entry in listing)


@pytest.fixture
def raw(world: World) -> Raw:
    database, bucket = f"raw_{token_hex(4)}", f"raw-{token_hex(4)}"
    table = LOG.read_text().rstrip().rstrip(";").replace("blob_storage_file_log", f"{database}.blob_storage_file_log")
    world.run(f"CREATE DATABASE {database}", table)
    for name in TABLES:
        columns = "(project_id String, id String) ENGINE = ReplacingMergeTree ORDER BY id"
        world.run(f"CREATE TABLE {database}.{name} {columns}")
    world.root.make_bucket(bucket)
    world.root.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    login = replace(world.access.clickhouse.login, database=database)
    key = {name: gate_inputs("minio-app-key")[name] for name in ("root_user", "root_password")}
    server = replace(world.access.clickhouse, login=login)
    return Raw(world, replace(world.access, clickhouse=server, checks={APP_KEY: key}), bucket)


def test_a_raw_event_whose_rows_are_there_is_found_and_brought_back(raw: Raw) -> None:
    trace, span = raw.stored("trace", "t"), raw.stored("observation", "o")
    raw.stored("score", "s")
    raw.hide("trace", "t", trace)
    raw.hide("observation", "o", span)
    found = hidden(raw.access)
    assert [(event.kind, event.id, event.key) for event in found] == [("observation", "o", span), ("trace", "t", trace)]
    bring_back(raw.access, found)
    assert (raw.read(trace), raw.read(span)) == ("t", "o")
    assert hidden(raw.access) == []
    assert raw.versions(trace) == [False, False, True], "the marker stays, and so does the version below it"


def test_rows_that_release_4_keeps_in_its_own_table_count_too(raw: Raw) -> None:
    key = raw.stored("trace", "new", row=False)
    raw.hide("trace", "new", key)
    columns = "(project_id String, trace_id String, span_id String) ENGINE = ReplacingMergeTree ORDER BY span_id"
    raw.world.run(f"CREATE TABLE {raw.access.database}.events_full {columns}")
    raw.run("INSERT INTO events_full VALUES ('project', 'new', 'span')")
    assert [event.id for event in hidden(raw.access)] == ["new"]


def test_what_was_deleted_with_its_rows_stays_deleted(raw: Raw) -> None:
    key = raw.stored("trace", "gone", row=False)
    raw.hide("trace", "gone", key)
    assert hidden(raw.access) == []


def test_twice_is_the_same_as_once_and_an_object_that_is_there_is_not_written_again(raw: Raw) -> None:
    key = raw.stored("trace", "t")
    raw.log("trace", "t", key, deleted=1, second=2)
    found = hidden(raw.access)
    bring_back(raw.access, found)
    bring_back(raw.access, found)
    assert raw.versions(key) == [False]
    assert hidden(raw.access) == []


def test_an_object_without_any_version_is_named(raw: Raw) -> None:
    raw.run("INSERT INTO traces VALUES ('project', 'lost')")
    raw.log("trace", "lost", "project/trace/lost/1.json", deleted=1, second=2)
    with pytest.raises(OpsError, match=r"project/trace/lost/1\.json has no version left"):
        bring_back(raw.access, hidden(raw.access))
    with pytest.raises(S3Error):
        raw.read("project/trace/lost/1.json")


def test_a_database_without_langfuses_tables_is_an_error_and_not_nothing_to_do(own: World) -> None:
    with pytest.raises(OpsError, match="has no blob_storage_file_log"):
        hidden(own.access)
