"""The gate of somebody else's object store, against a real one."""

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from checks.bucket import IDENTITY, MARKER
from checks.external_store import NEEDED, NOT_OURS, ExternalStoreProvider
from tests.checks.gates import green, proven_after, red, refused_after
from tests.checks.object_store import Store

pytestmark = pytest.mark.docker

PREFIX = "team/langfuse/"
ALL = ("s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


def inputs_of(store: Store, **altered: Any) -> dict[str, Any]:
    """What the program gives the gate of an external store."""
    return {
        "endpoint": f"http://{store.endpoint}",
        "internal": "http://minio.example.com:9000",
        "region": "us-east-1",
        "by_path": True,
        "prefix": PREFIX,
        "access_key": store.access_key,
        "secret_key": store.secret_key,
        "buckets": list(store.buckets),
        "data": list(store.buckets),
        "bucket": store.buckets[0].replace("events", "backups"),
        "deadline_seconds": 5,
        "watch": "external",
        **altered,
    }


@pytest.fixture
def entered(store: Store) -> Store:
    """A store whose owner made a key that may do what Langfuse needs, and make buckets."""
    store.admin.user_add(store.access_key, store.secret_key)
    store.give(*ALL, "s3:CreateBucket")
    return store


def names(inputs: Mapping[str, Any]) -> list[str]:
    return [*inputs["buckets"], inputs["bucket"]]


def test_absent_buckets_are_made_where_the_key_may_and_what_is_not_proven_is_said(entered: Store) -> None:
    inputs = inputs_of(entered)
    evidence = green(ExternalStoreProvider, inputs)
    assert evidence["made"] == names(inputs)
    assert NOT_OURS in evidence["not_proven"]
    assert [line for line in evidence["not_proven"] if "older versions" in line]
    again = green(ExternalStoreProvider, inputs)
    assert again["made"] == []
    for name in names(inputs):
        keys = {entry.object_name for entry in entered.root.list_objects(name, recursive=True)}
        assert keys == {f"{PREFIX}{MARKER}", f"{PREFIX}{IDENTITY}"}


def test_an_absent_bucket_is_refused_with_the_command_that_makes_it(entered: Store) -> None:
    entered.give(*ALL)
    found = red(ExternalStoreProvider, inputs_of(entered, region="us-east-1"))
    assert "the key may not make it (AccessDenied)" in found.seen
    assert f"aws s3api create-bucket --bucket {entered.buckets[0]} --region us-east-1" in found.fix
    assert f"--endpoint-url http://{entered.endpoint}" in found.fix
    assert not entered.root.bucket_exists(entered.buckets[0])


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObject", "s3:ListBucket"])
def test_a_key_that_lacks_a_right_is_refused_with_all_that_it_needs(action: str, entered: Store) -> None:
    green(ExternalStoreProvider, inputs_of(entered))
    entered.give(*(right for right in ALL if right != action))
    found = red(ExternalStoreProvider, inputs_of(entered))
    assert found.seen == "AccessDenied"
    assert NEEDED in found.fix


def test_a_wrong_key_is_refused_with_the_keys_of_the_vault(entered: Store) -> None:
    found = red(ExternalStoreProvider, inputs_of(entered, secret_key="canary-of-nobody"))
    assert found.seen == "SignatureDoesNotMatch"
    assert "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY of the vault" in found.fix


def test_a_store_that_does_not_answer_is_named_with_the_settings_that_lead_there(entered: Store) -> None:
    found = red(ExternalStoreProvider, inputs_of(entered, endpoint="http://127.0.0.1:9", deadline_seconds=1))
    assert "http://127.0.0.1:9" in found.probe
    assert "s3:endpoint" in found.fix


def test_another_store_is_refused_and_nothing_is_made_there(entered: Store) -> None:
    inputs = inputs_of(entered)
    evidence = green(ExternalStoreProvider, inputs)
    proven_after(ExternalStoreProvider, inputs, evidence)
    entered.root.remove_object(inputs["bucket"], f"{PREFIX}{IDENTITY}")
    entered.root.put_object(inputs["bucket"], f"{PREFIX}{IDENTITY}", io.BytesIO(b"another"), 7)
    assert "was" in refused_after(ExternalStoreProvider, inputs, evidence).seen
    emptied = replace(entered, buckets=tuple(f"{name}-new" for name in entered.buckets))
    renamed = {name: evidence["identity"][old] for name, old in zip(emptied.buckets, entered.buckets, strict=True)}
    found = refused_after(ExternalStoreProvider, inputs_of(emptied), {"identity": renamed})
    assert "now missing" in found.seen
    assert not entered.root.bucket_exists(emptied.buckets[0])


def test_without_a_key_nothing_is_asked_and_the_evidence_says_so(store: Store) -> None:
    evidence = green(
        ExternalStoreProvider, inputs_of(store, access_key="", secret_key="", endpoint="http://127.0.0.1:9")
    )
    assert [line for line in evidence["not_proven"] if "have a role" in line]
