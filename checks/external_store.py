"""Proof that buckets of somebody else's store can be written and read, and what cannot be proven there."""

import io
from functools import partial
from typing import TYPE_CHECKING

from checks.base import (
    KNOWN_IDENTITY,
    CheckFailedError,
    CheckProvider,
    CheckResource,
    Evidence,
    Inputs,
    assert_same_store,
    first_line,
)
from checks.bucket import KEY_REFUSALS, MARKER, bucket_identity
from checks.s3 import REGION, ROLE, S3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from minio import Minio

NEEDED = "s3:GetObject, s3:PutObject, s3:ListBucket, s3:AbortMultipartUpload and s3:ListMultipartUploadParts"
NOT_OURS = "that the key can remove neither a bucket nor a version: its policy is the store's owner's to set"
NO_VERSIONS = "that {name} keeps older versions of an object: {why}"


class ExternalStoreProvider(CheckProvider):
    """See `ExternalStoreGate`."""

    label = "gate s3"
    libraries = ("minio",)
    secrets = ("secret_key",)
    keys = ("endpoint", "access_key", "secret_key", "region", "by_path", "prefix", "buckets", "bucket", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        place, known = S3.of(inputs), inputs[KNOWN_IDENTITY] or {}
        names = list(dict.fromkeys([*inputs["buckets"], inputs["bucket"]]))
        if not place.access_key:
            return {"buckets": names, "not_proven": [f"that the buckets can be written and read: {ROLE}"]}
        store = place.client()
        made = [name for name in names if _made(store, name, place, known)]
        identity = bucket_identity(store, names, inputs[KNOWN_IDENTITY], partial(_failure, place), place.prefix)
        unproven = [NOT_OURS]
        for name in names:
            _round_trip(store, name, place)
            unproven += _versions(store, name)
        return {"buckets": names, "made": made, "identity": identity, "not_proven": unproven}


class ExternalStoreGate(CheckResource, module="checks", name="ExternalStore"):
    """The key writes and reads back a marker in every bucket, which are the ones that were proven before.

    A bucket that is absent is made if the key may make one. What somebody else's store does not show is in the
    evidence as `not_proven`.

    Args:
        inputs: `endpoint`, `access_key`, `secret_key` (secret), `region`, `by_path`, `prefix`, `buckets`, `bucket` (of
            backups), `watch`; without a key nothing is proven here.
    """

    provider = ExternalStoreProvider


def _made(store: "Minio", name: str, place: S3, known: "Mapping[str, str]") -> bool:
    """Whether the bucket was absent and is there now."""
    from minio.error import S3Error

    try:
        next(iter(store.list_objects(name, prefix=f"{place.prefix}{MARKER}")), None)
    except S3Error as error:
        if error.code != "NoSuchBucket":
            raise _failure(place, f"LIST {name}", error) from None
    except Exception as error:
        raise _failure(place, f"LIST {name}", error) from None
    else:
        return False
    assert_same_store({part: was for part, was in known.items() if part == name}, {})
    try:
        store.make_bucket(name, location=place.region)
    except S3Error as error:
        raise CheckFailedError(
            f"bucket {name} at {place.url}",
            f"absent, and the key may not make it ({error.code})",
            f"make it: `{_command(name, place)}`",
            final=True,
        ) from None
    return True


def _command(name: str, place: S3) -> str:
    elsewhere = "" if ".amazonaws.com" in place.url else f" --endpoint-url {place.url}"
    location = "" if place.region == REGION else f" --create-bucket-configuration LocationConstraint={place.region}"
    return f"aws s3api create-bucket --bucket {name} --region {place.region}{elsewhere}{location}"


def _round_trip(store: "Minio", name: str, place: S3) -> None:
    body, key = b"written by the gate of this stack", f"{place.prefix}{MARKER}"
    probe = f"PUT and GET {name}/{key}"
    try:
        store.put_object(name, key, io.BytesIO(body), len(body))
        answer = store.get_object(name, key)
        try:
            seen = answer.read()
        finally:
            answer.close()
    except Exception as error:
        raise _failure(place, probe, error) from None
    if seen != body:
        raise CheckFailedError(probe, f"{len(seen)} other bytes", "the store must return what was written", final=True)


def _versions(store: "Minio", name: str) -> list[str]:
    """What is not proven of older versions in a bucket; nothing where it keeps them."""
    try:
        status = str(store.get_bucket_versioning(name).status)
    except Exception as error:  # a key that may not ask, or a store that does not know the question
        return [NO_VERSIONS.format(name=name, why=getattr(error, "code", None) or first_line(error))]
    return [] if status == "Enabled" else [NO_VERSIONS.format(name=name, why=f"versioning is {status.lower()}")]


def _failure(place: S3, probe: str, error: Exception) -> CheckFailedError:
    code = getattr(error, "code", None)
    if code in KEY_REFUSALS:
        fix = "put the key that the store takes into S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY of the vault"
        return CheckFailedError(f"{probe} at {place.url}", code, fix, final=True)
    if code == "AccessDenied":
        fix = f"give the key {NEEDED} on the bucket and what is in it"
        return CheckFailedError(f"{probe} at {place.url}", code, fix, final=True)
    seen = f"{code}: {getattr(error, 'message', None)}" if code else first_line(error)
    fix = "see s3:endpoint, s3:region and s3:pathStyle; what answers there must speak S3"
    return CheckFailedError(f"{probe} at {place.url}", seen, fix)
