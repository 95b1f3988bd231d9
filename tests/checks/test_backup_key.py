"""The key that backups are written with, on a real object store: what it may do, and that loosening it is noticed."""

from secrets import token_hex
from typing import Any

import pytest
from minio.versioningconfig import SUSPENDED, VersioningConfig

from checks import backup_key
from checks.backup_key import BackupKeyProvider
from checks.bucket import client
from tests.checks.containers import gate_inputs
from tests.checks.gates import green, red
from tests.checks.object_store import Store

pytestmark = pytest.mark.docker


@pytest.fixture
def inputs(store: Store) -> dict[str, Any]:
    """What the program gives the check, for a bucket and a user that only one test uses."""
    bucket, *data = store.made().buckets
    own = {"access_key": f"backup-{token_hex(4)}", "bucket": bucket, "data": data, "deadline_seconds": 2}
    return {**gate_inputs("minio-backup-key"), **own, "endpoint": store.endpoint}


def test_a_key_that_adds_and_removes_nothing_is_proven_twice(inputs: dict[str, Any]) -> None:
    assert green(BackupKeyProvider, inputs) == green(BackupKeyProvider, inputs)
    key = client(inputs["endpoint"], inputs["access_key"], inputs["secret_key"])
    assert [entry.object_name for entry in key.list_objects(inputs["data"][0], recursive=True)]


def test_a_policy_that_was_loosened_in_the_store_is_put_back(store: Store, inputs: dict[str, Any]) -> None:
    green(BackupKeyProvider, inputs)
    everything = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}
    store.admin.policy_add("loose", policy={"Version": "2012-10-17", "Statement": [everything]})
    store.admin.policy_set("loose", user=inputs["access_key"])
    assert green(BackupKeyProvider, inputs)["policy"] == backup_key.POLICY


@pytest.mark.parametrize("action", ["s3:DeleteObject", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration"])
def test_a_program_that_gives_it_more_is_refused(
    inputs: dict[str, Any], action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_key, "POLICY", f"loose-{token_hex(4)}")
    monkeypatch.setattr(backup_key, "DENIED", [name for name in backup_key.DENIED if name != action])
    monkeypatch.setattr(backup_key, "OBJECT_ACTIONS", (*backup_key.OBJECT_ACTIONS, action))
    monkeypatch.setattr(backup_key, "LIST_ACTIONS", (*backup_key.LIST_ACTIONS, action))
    finding = red(BackupKeyProvider, inputs)
    assert finding.seen == "allowed"
    assert finding.fix.startswith(f"take {action} away")


def test_a_bucket_that_keeps_no_versions_is_refused(store: Store, inputs: dict[str, Any]) -> None:
    store.root.set_bucket_versioning(inputs["bucket"], VersioningConfig(SUSPENDED))
    assert red(BackupKeyProvider, inputs).seen.endswith("keeps no versions")


def test_a_bucket_that_is_not_there_is_refused(inputs: dict[str, Any]) -> None:
    assert "NoSuchBucket" in red(BackupKeyProvider, inputs, bucket=f"gone-{token_hex(4)}").seen
