"""Ways to lose objects with the application's key, tried on a store that holds some."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from minio.commonconfig import ENABLED, GOVERNANCE, Filter
from minio.error import S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.versioningconfig import SUSPENDED, VersioningConfig

from checks.bucket import app_policy
from tests.checks.object_store import Store

if TYPE_CHECKING:
    from minio import Minio

pytestmark = pytest.mark.docker

KEY = "application's object store key"
REFUSED = "AccessDenied"
Attack = Callable[["Minio", str, str], object]


@pytest.fixture
def ready(store: Store) -> Store:
    return store.made()


def attack(name: str, attempt: Attack) -> object:
    return pytest.param(attempt, marks=pytest.mark.attack(name, layer=KEY, message=REFUSED, alone=True), id=name)


def _expire(store: "Minio", bucket: str, _version: str) -> None:
    rule = Rule(ENABLED, rule_filter=Filter(prefix=""), rule_id="expire", expiration=Expiration(days=1))
    store.set_bucket_lifecycle(bucket, LifecycleConfig([rule]))


ATTACKS = [
    attack("DeleteBucket with the application's key", lambda store, bucket, _: store.remove_bucket(bucket)),
    attack(
        "forced DeleteBucket with the application's key",
        lambda store, bucket, _: store._execute("DELETE", bucket, headers={"x-minio-force-delete": "true"}),
    ),
    attack(
        "DeleteObjectVersion with the application's key",
        lambda store, bucket, version: store.remove_object(bucket, "kept", version_id=version),
    ),
    attack(
        "versioning switched off with the application's key",
        lambda store, bucket, _: store.set_bucket_versioning(bucket, VersioningConfig(SUSPENDED)),
    ),
    attack("an expiry rule set with the application's key", _expire),
    attack(
        "object lock changed with the application's key",
        lambda store, bucket, _: store.set_object_lock_config(bucket, ObjectLockConfig(GOVERNANCE, 1, DAYS)),
    ),
]


@pytest.mark.parametrize("attempt", ATTACKS)
@pytest.mark.parametrize("also", [(), ("s3:*",)], ids=["own policy", "everything allowed beside it"])
def test_the_applications_key_loses_no_object(ready: Store, attempt: Attack, also: tuple[str, ...]) -> None:
    """What the policy denies stays denied when somebody allows everything beside it."""
    bucket = ready.buckets[0]
    version = ready.app.put_object(bucket, "kept", io.BytesIO(b"rows"), 4).version_id
    assert version
    if also:
        allow = {"Effect": "Allow", "Action": list(also), "Resource": ["arn:aws:s3:::*"]}
        policy = app_policy(list(ready.buckets), deletions=False)
        name = f"wider-{ready.access_key}"
        ready.admin.policy_add(name, policy={**policy, "Statement": [*policy["Statement"], allow]})
        ready.admin.policy_set(name, user=ready.access_key)
    with pytest.raises(S3Error, match=REFUSED):
        attempt(ready.app, bucket, version)
    assert ready.root.get_object(bucket, "kept", version_id=version).read() == b"rows"
    assert ready.root.get_bucket_versioning(bucket).status == ENABLED


@pytest.mark.attack("an object deleted with the application's key", layer=KEY, message=REFUSED, alone=True)
def test_an_object_is_not_even_hidden_while_deletions_are_off(ready: Store) -> None:
    bucket = ready.buckets[0]
    ready.app.put_object(bucket, "kept", io.BytesIO(b"rows"), 4)
    with pytest.raises(S3Error, match=REFUSED):
        ready.app.remove_object(bucket, "kept")
    assert ready.root.get_object(bucket, "kept").read() == b"rows"


@pytest.mark.attack(
    "an object overwritten with the application's key", layer="bucket versioning", message="rows", alone=True
)
def test_an_overwritten_object_is_kept_as_an_older_version(ready: Store) -> None:
    bucket = ready.buckets[0]
    first = ready.app.put_object(bucket, "kept", io.BytesIO(b"rows"), 4)
    ready.app.put_object(bucket, "kept", io.BytesIO(b"other"), 5)
    assert ready.app.get_object(bucket, "kept").read() == b"other"
    assert ready.root.get_object(bucket, "kept", version_id=first.version_id).read().decode() == "rows"
