"""Media, and the deletion of traces: what is answered at once, and what the worker does and leaves later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig

from tests.standin.docker_cli import docker, eventually
from tests.standin.pictures import png, upload
from tests.standin.stores import BUCKET, PASSWORD
from tests.standin.traces import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.standin.doubles import Double, Doubles

pytestmark = pytest.mark.docker
MEDIA = "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT"


@pytest.fixture(scope="module")
def double(doubles: Doubles) -> Iterator[Double]:
    """Web signs links for this machine, the worker reaches the store on its network, and the bucket keeps versions."""
    made = doubles.make("3")
    made.stores.minio().set_bucket_versioning(BUCKET, VersioningConfig(ENABLED))
    made.start_web(**{MEDIA: f"http://localhost:{made.stores.ports['minio']}"}).start_worker()
    yield made
    made.stop()


def failed(double: Double) -> int:
    return int(double.stores.redis().zcard(f"{double.name}:trace-delete:failed"))


def tried_and_waits(double: Double) -> int:
    return int(double.stores.redis().zcard(f"{double.name}:trace-delete:delayed"))


def delete(double: Double, trace_id: str) -> httpx.Response:
    with double.client() as client:
        return client.delete(f"/api/public/traces/{trace_id}")


def raw_events(double: Double, trace_id: str) -> list[bool]:
    """Versions of the raw events of a trace: whether each is a delete marker."""
    listing = double.stores.minio().list_objects(
        BUCKET, prefix=f"{double.name}/project/trace/{trace_id}/", recursive=True, include_version=True
    )
    return sorted(bool(entry.is_delete_marker) for entry in listing)


def marked(double: Double, trace_id: str) -> list[tuple[object, ...]]:
    query = "SELECT max(is_deleted) FROM blob_storage_file_log WHERE entity_id = {id:String}"
    return double.rows(query, id=trace_id)


def stored(double: Double) -> Trace:
    trace = Trace()
    trace.send(double)
    trace.read(double)
    eventually(lambda: marked(double, trace.trace_id) == [(0,)] and raw_events(double, trace.trace_id) == [False])
    return trace


def test_a_picture_goes_to_the_store_and_comes_back_by_links_that_web_signs(double: Double) -> None:
    with double.client() as client:
        media = upload(client, "trace-of-a-picture")
        found = client.get(f"/api/public/media/{media}").json()
    assert found["url"].startswith(f"http://localhost:{double.stores.ports['minio']}/{BUCKET}/")
    assert httpx.get(found["url"]).content == png(b"trace-of-a-picture")


def test_pages_say_from_where_they_may_show_pictures_and_the_api_does_not(double: Double) -> None:
    policy = double.get("/").headers["content-security-policy"]
    assert "img-src 'self' https: blob: data: http://localhost:*;" in policy
    assert "127.0.0.1" not in policy
    assert "content-security-policy" not in double.get("/api/public/health").headers


def test_a_deletion_is_answered_at_once_and_done_later(double: Double) -> None:
    trace, other = stored(double), stored(double)
    with double.client() as client:
        media = upload(client, trace.trace_id)
        assert delete(double, trace.trace_id).status_code == httpx.codes.OK
        eventually(
            lambda: double.rows("SELECT count() FROM traces WHERE id = {id:String}", id=trace.trace_id) == [(0,)]
        )
        eventually(lambda: double.sql("SELECT count(*) FROM pending_deletions WHERE NOT is_deleted") == [(0,)])
        assert client.get(f"/api/public/media/{media}").status_code == httpx.codes.NOT_FOUND
    assert raw_events(double, trace.trace_id) == [False, True]
    assert (marked(double, trace.trace_id), marked(double, other.trace_id)) == ([(1,)], [(0,)])
    assert other.read(double)["name"] == "smoke"


def test_a_trace_that_does_not_exist_is_deleted_all_the_same(double: Double) -> None:
    assert delete(double, "never-there").json() == {"message": "Trace deleted successfully"}


@pytest.fixture(scope="module")
def confined(doubles: Doubles) -> Iterator[Double]:
    """As a stack confines Langfuse: its user may insert, and delete no row."""
    made = doubles.make("3")
    user = f"{made.name}_user"
    made.stores.minio().set_bucket_versioning(BUCKET, VersioningConfig(ENABLED))
    admin = made.stores.clickhouse()
    admin.command(f"CREATE USER {user} IDENTIFIED BY '{PASSWORD}'")
    admin.command(f"GRANT SELECT, INSERT, CREATE, ALTER ADD COLUMN, ALTER UPDATE ON {made.name}.* TO {user}")
    made.start_web().start_worker(CLICKHOUSE_USER=user)
    yield made
    made.stop()


def test_without_the_right_a_deletion_is_answered_and_refused_later_with_its_raw_event_marked(confined: Double) -> None:
    trace = stored(confined)
    assert delete(confined, trace.trace_id).status_code == httpx.codes.OK
    eventually(lambda: tried_and_waits(confined) == 1)
    said = docker("logs", confined.worker)
    assert "trace-delete failed" in said
    assert "Not enough privileges" in said
    assert raw_events(confined, trace.trace_id) == [False, True]
    eventually(lambda: marked(confined, trace.trace_id) == [(1,)])
    assert trace.read(confined)["name"] == "smoke"
    assert confined.sql("SELECT count(*) FROM pending_deletions WHERE NOT is_deleted") == [(1,)]


@pytest.mark.soak
def test_a_deletion_that_failed_twice_stays_failed(confined: Double) -> None:
    delete(confined, stored(confined).trace_id)
    eventually(lambda: failed(confined) >= 1, seconds=90)
    [job] = confined.stores.redis().zrange(f"{confined.name}:trace-delete:failed", 0, 0)
    kept = confined.stores.redis().hgetall(f"{confined.name}:trace-delete:{job!s}")
    assert json.loads(kept["data"])["payload"]["projectId"] == "project"
    assert "privileges" in kept["failedReason"]
