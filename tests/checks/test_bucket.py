"""Buckets, the application key and their gate against a real object store, right and broken."""

import io
import json
from typing import Any

import pytest
from minio.commonconfig import ENABLED
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.versioningconfig import SUSPENDED, VersioningConfig

from checks.base import GateClosedError
from checks.bucket import APP_POLICY, MARKER, AppKeyProvider, BucketProvider, ObjectStoreProvider
from tests.checks.containers import Container, gate_inputs, paused
from tests.checks.gates import green, red
from tests.checks.object_store import Store

pytestmark = pytest.mark.docker


@pytest.fixture
def ready(store: Store) -> Store:
    return store.made()


def test_an_absent_bucket_is_made_with_versioning(store: Store) -> None:
    name = store.buckets[0]
    assert not store.root.bucket_exists(name)
    evidence = green(BucketProvider, store.bucket_inputs())
    assert (evidence["bucket"], evidence["versioning"]) == (name, "Enabled")
    assert store.root.get_bucket_versioning(name).status == ENABLED


@pytest.mark.parametrize("versioning", [None, SUSPENDED, ENABLED])
def test_a_bucket_that_is_there_is_adopted_with_its_objects(store: Store, versioning: str | None) -> None:
    name = store.buckets[0]
    store.root.make_bucket(name)
    if versioning:
        store.root.set_bucket_versioning(name, VersioningConfig(versioning))
    written = store.root.put_object(name, "kept", io.BytesIO(b"rows"), 4)
    for _ in range(2):
        green(BucketProvider, store.bucket_inputs())
    kept = store.root.stat_object(name, "kept")
    assert (kept.etag, kept.size) == (written.etag, 4)
    assert store.root.get_bucket_versioning(name).status == ENABLED


def test_a_refused_deletion_leaves_the_bucket_and_its_objects(ready: Store) -> None:
    name = ready.buckets[0]
    ready.app.put_object(name, "kept", io.BytesIO(b"rows"), 4)
    with pytest.raises(GateClosedError, match="never deleted"):
        BucketProvider().delete(name, ready.bucket_inputs())
    assert ready.app.stat_object(name, "kept").size == 4


def test_a_wrong_root_password_is_named(store: Store) -> None:
    for found in (
        red(BucketProvider, store.bucket_inputs(), secret_key="canary-of-nobody"),
        red(AppKeyProvider, store.key_inputs(), root_password="canary-of-nobody"),
    ):
        assert store.endpoint in found.probe
        assert found.seen == "SignatureDoesNotMatch"
        assert "run `make up`" in found.fix


def permissions(store: Store) -> set[tuple[str, frozenset[str], frozenset[str]]]:
    """The statements of the application's policy."""
    policy = json.loads(store.admin.policy_info(APP_POLICY))
    return {
        (entry["Effect"], frozenset(entry["Action"]), frozenset(entry["Resource"])) for entry in policy["Statement"]
    }


def test_the_application_key_is_made_and_making_it_again_changes_nothing(ready: Store) -> None:
    before = permissions(ready)
    ready.app.put_object(ready.buckets[0], "kept", io.BytesIO(b"rows"), 4)
    assert green(AppKeyProvider, ready.key_inputs()) == {"access_key": ready.access_key, "policy": APP_POLICY}
    assert permissions(ready) == before
    assert ready.app.stat_object(ready.buckets[0], "kept").size == 4


def test_a_new_secret_takes_the_place_of_the_old(ready: Store) -> None:
    green(AppKeyProvider, ready.key_inputs(), secret_key="canary-of-a-rotation")
    green(ObjectStoreProvider, ready.gate_inputs(), secret_key="canary-of-a-rotation")
    assert red(ObjectStoreProvider, ready.gate_inputs()).seen == "SignatureDoesNotMatch"


def test_the_key_writes_reads_and_lists_in_its_buckets_alone(ready: Store) -> None:
    other = f"other-{ready.access_key}"
    ready.root.make_bucket(other)
    ready.app.put_object(ready.buckets[0], "a", io.BytesIO(b"rows"), 4)
    assert [item.object_name for item in ready.app.list_objects(ready.buckets[0], "a")] == ["a"]
    for attempt in (
        lambda: ready.app.put_object(other, "a", io.BytesIO(b"rows"), 4),
        lambda: ready.app.get_object(other, "a"),
        lambda: ready.app.make_bucket(f"more-{ready.access_key}"),
        lambda: ready.app.set_bucket_versioning(ready.buckets[0], VersioningConfig(SUSPENDED)),
    ):
        with pytest.raises(S3Error, match="AccessDenied"):
            attempt()


def test_what_the_key_deletes_can_be_had_back(ready: Store) -> None:
    """Versions stay: the key can hide an object, and cannot take it away."""
    AppKeyProvider().run({**ready.key_inputs(), "deletions": True})
    name = ready.buckets[0]
    written = ready.app.put_object(name, "a", io.BytesIO(b"rows"), 4)
    ready.app.remove_object(name, "a")
    ready.app.put_object(name, "b", io.BytesIO(b"rows"), 4)
    assert list(ready.app.remove_objects(name, [DeleteObject("b")])) == []
    assert list(ready.app.list_objects(name, prefix="b")) == []
    with pytest.raises(S3Error, match="AccessDenied"):
        ready.app.remove_object(name, "a", version_id=written.version_id)
    answer = ready.root.get_object(name, "a", version_id=written.version_id)
    assert answer.read() == b"rows"


def test_a_key_that_may_delete_objects_is_found_unless_deletions_are_on(ready: Store) -> None:
    AppKeyProvider().run({**ready.key_inputs(), "deletions": True})
    found = red(ObjectStoreProvider, ready.gate_inputs())
    assert (found.probe, found.seen) == (f"DELETE {ready.buckets[0]}/{MARKER}", "allowed")
    green(ObjectStoreProvider, ready.gate_inputs(), deletions=True)
    AppKeyProvider().run(ready.key_inputs())
    green(ObjectStoreProvider, ready.gate_inputs())


def test_a_store_made_by_the_program_is_proven(ready: Store) -> None:
    assert green(ObjectStoreProvider, ready.gate_inputs())["buckets"] == list(ready.buckets)
    green(ObjectStoreProvider, ready.gate_inputs())
    for name in ready.buckets:
        assert ready.root.stat_object(name, MARKER).size


def test_the_root_key_is_not_accepted_as_the_applications(ready: Store) -> None:
    given = gate_inputs("minio-app-key")
    root = {"access_key": given["root_user"], "secret_key": given["root_password"]}
    found = red(ObjectStoreProvider, ready.gate_inputs(), **root)
    assert (found.probe, found.seen) == ("access key of the application", "it is the root user")
    assert found.fix == "give Langfuse a key of its own"


def test_a_key_that_may_remove_buckets_is_found_and_the_bucket_is_still_there(ready: Store) -> None:
    ready.app.put_object(ready.buckets[0], "kept", io.BytesIO(b"rows"), 4)
    ready.give("s3:DeleteBucket", "s3:PutObject", "s3:GetObject")
    found = red(ObjectStoreProvider, ready.gate_inputs())
    assert (found.probe, found.seen) == (f"DELETE bucket {ready.buckets[0]}", "BucketNotEmpty")
    assert "s3:DeleteBucket" in found.fix
    for name in ready.buckets:
        assert ready.root.bucket_exists(name)
    assert ready.root.stat_object(ready.buckets[0], "kept").size == 4


@pytest.mark.parametrize("action", ["s3:*", "s3:DeleteObject"])
def test_a_key_that_may_remove_versions_is_found(ready: Store, action: str) -> None:
    ready.give(action, "s3:PutObject", "s3:GetObject")
    found = red(ObjectStoreProvider, ready.gate_inputs())
    assert found.probe.startswith("DELETE version ")
    assert found.seen == "allowed"
    assert "s3:DeleteObjectVersion" in found.fix
    for name in ready.buckets:
        assert ready.root.bucket_exists(name)


@pytest.mark.parametrize(
    "action", ["s3:PutBucketVersioning", "s3:PutBucketObjectLockConfiguration", "s3:PutLifecycleConfiguration"]
)
def test_a_key_that_may_change_what_keeps_versions_is_found_and_nothing_is_changed(ready: Store, action: str) -> None:
    ready.give(action, "s3:PutObject", "s3:GetObject")
    found = red(ObjectStoreProvider, ready.gate_inputs())
    assert found.probe == f"{action} of {ready.buckets[0]}"
    assert action in found.fix
    assert ready.root.get_bucket_versioning(ready.buckets[0]).status == ENABLED
    assert ready.root.get_bucket_lifecycle(ready.buckets[0]) is None


def test_a_bucket_whose_versioning_was_suspended_is_found_and_put_right(ready: Store) -> None:
    ready.root.set_bucket_versioning(ready.buckets[0], VersioningConfig(SUSPENDED))
    found = red(ObjectStoreProvider, ready.gate_inputs())
    assert found.seen == f"{ready.buckets[0]} keeps no versions"
    green(BucketProvider, ready.bucket_inputs())
    green(ObjectStoreProvider, ready.gate_inputs())


def test_the_program_puts_the_policy_right_again(ready: Store) -> None:
    ready.give("s3:*")
    green(AppKeyProvider, ready.key_inputs())
    green(ObjectStoreProvider, ready.gate_inputs())


def test_a_second_policy_beside_the_programs_is_taken_away(ready: Store) -> None:
    ready.give("s3:DeleteBucket")
    ready.admin.policy_set(f"{APP_POLICY},policy-of-{ready.access_key}", user=ready.access_key)
    green(AppKeyProvider, ready.key_inputs())
    green(ObjectStoreProvider, ready.gate_inputs())


def test_a_key_that_may_not_write_is_named(ready: Store) -> None:
    ready.give("s3:GetObject")
    found = red(ObjectStoreProvider, ready.gate_inputs(), deadline_seconds=1)
    assert found.probe == f"PUT and GET {ready.buckets[0]}/{MARKER}"
    assert found.seen == "AccessDenied"
    assert APP_POLICY in found.fix


def test_a_wrong_secret_and_an_unknown_key_are_named(ready: Store) -> None:
    inputs = ready.gate_inputs()
    assert red(ObjectStoreProvider, inputs, secret_key="canary-of-nobody").seen == "SignatureDoesNotMatch"
    assert red(ObjectStoreProvider, inputs, access_key="nobody").seen == "InvalidAccessKeyId"


def test_a_lost_bucket_is_named(ready: Store) -> None:
    green(AppKeyProvider, ready.key_inputs(), buckets=[*ready.buckets, "never-made"])
    found = red(ObjectStoreProvider, ready.gate_inputs(), buckets=["never-made"], deadline_seconds=1)
    assert found.seen.startswith("NoSuchBucket")


@pytest.mark.parametrize("provider", [BucketProvider, AppKeyProvider, ObjectStoreProvider])
def test_a_store_that_cannot_be_reached_is_named(ready: Store, provider: Any) -> None:
    inputs = {BucketProvider: ready.bucket_inputs, AppKeyProvider: ready.key_inputs}.get(provider, ready.gate_inputs)()
    found = red(provider, inputs, endpoint="127.0.0.1:1", deadline_seconds=1)
    assert found.seen == "ConnectionRefusedError: [Errno 111] Connection refused"
    assert "object store's log" in found.fix


def test_a_frozen_store_is_given_up_at_the_deadline(
    minio: Container, ready: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checks.s3.TIMEOUT_SECONDS", 1)
    with paused(minio):
        for found in (
            red(BucketProvider, ready.bucket_inputs(), deadline_seconds=1),
            red(AppKeyProvider, ready.key_inputs(), deadline_seconds=1),
            red(ObjectStoreProvider, ready.gate_inputs(), deadline_seconds=1),
        ):
            assert found.seen == "TimeoutError: timed out"
    green(ObjectStoreProvider, ready.gate_inputs())
