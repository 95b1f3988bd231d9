"""Raw events that are hidden, and how each is brought back. Nothing is removed: markers and older versions stay."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.s3 import S3
from ops.backup.access import APP_KEY, Access
from ops.backup.errors import told
from ops.session import OpsError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from minio import Minio

SQL = Path(__file__).parent / "sql"
BATCH = 1000
LOG = "blob_storage_file_log"
QUERIES = (
    (frozenset({LOG, "traces", "observations", "scores"}), "hidden.sql"),
    (frozenset({LOG, "events_full"}), "hidden_events.sql"),
)
"""Tables to the query that finds what is hidden although they have its rows."""


@dataclass(frozen=True, order=True)
class RawEvent:
    """A raw event that was to be deleted with something that is still there."""

    project: str
    kind: str
    """`trace`, `observation` or `score`."""
    id: str
    bucket: str
    key: str


def hidden(to: Access) -> list[RawEvent]:
    """Every raw event that is marked as deleted, while its rows are still there.

    Raises:
        OpsError: ClickHouse does not answer, or Langfuse has no tables there.
    """
    with _connected(to) as client:
        with told(f"look for raw events of {to.database}"):
            tables = {str(row[0]) for row in client.query("SHOW TABLES").result_rows}
            queries = [file for needed, file in QUERIES if needed <= tables]
            found = {RawEvent(*row) for file in queries for row in client.query(_read(file)).result_rows}
        if not queries:
            raise OpsError(f"database {to.database} has no {LOG}: Langfuse has made no tables there yet")
        return sorted(found)


def bring_back(to: Access, events: Sequence[RawEvent]) -> None:
    """Copy the version below each delete marker over it, and add a row that says the object is there.

    Raises:
        OpsError: a store does not answer, or an object has no version left.
    """
    key = to.checks[APP_KEY]
    # The stack's own key may not copy a version; of somebody else's store there is no other key.
    root = {"access_key": key["root_user"], "secret_key": key["root_password"]} if "root_user" in key else {}
    store = S3.of({**key, "endpoint": to.store.endpoint, **root}).client()
    with _connected(to) as client:
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            for event in batch:
                with told(f"bring {event.bucket}/{event.key} back"):
                    _copy_back(store, event.bucket, event.key)
            with told(f"say in {LOG} that the objects are there"):
                objects = [(event.bucket, event.key) for event in batch]
                client.command(_read("unhide.sql"), parameters={"objects": objects})


@contextmanager
def _connected(to: Access) -> "Iterator[Client]":
    """The operator's client, in Langfuse's database."""
    client = to.clickhouse.connect()
    client.database = to.database
    try:
        yield client
    finally:
        client.close()


def _copy_back(store: "Minio", name: str, key: str) -> None:
    from minio.commonconfig import CopySource

    versions = sorted(_versions(store, name, key), key=attrgetter("last_modified"), reverse=True)
    if versions and not versions[0].is_delete_marker:
        return
    whole = next((version for version in versions if not version.is_delete_marker), None)
    if whole is None:
        raise OpsError(f"{name}/{key} has no version left")
    store.copy_object(name, key, CopySource(name, key, version_id=whole.version_id))


def _versions(store: "Minio", name: str, key: str) -> Iterator[Any]:
    listing = store.list_objects(name, prefix=key, recursive=True, include_version=True)
    return (entry for entry in listing if entry.object_name == key)


def _read(file: str) -> str:
    return (SQL / file).read_text(encoding="utf-8").strip()
