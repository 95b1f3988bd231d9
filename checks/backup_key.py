"""A key for backups: it adds objects to one bucket and removes nothing, not even what it wrote."""

from functools import partial
from typing import TYPE_CHECKING, Any

from checks.base import CheckProvider, CheckResource, Evidence, Inputs, retry_sequence
from checks.bucket import (
    APP_BUCKET_ACTIONS,
    DENIED_ACTIONS,
    MARKER,
    add_user,
    attempts,
    client,
    marker_round_trip,
    may_not,
)

if TYPE_CHECKING:
    from collections.abc import Callable

POLICY = "langfuse-stack-backup"
LIST_ACTIONS = (*APP_BUCKET_ACTIONS, "s3:ListBucketVersions", "s3:GetBucketVersioning")
OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
DENIED = ("s3:DeleteObject", *DENIED_ACTIONS)


class BackupKeyProvider(CheckProvider):
    """See `BackupKey`."""

    label = "backup key"
    libraries = ("minio",)
    secrets = ("root_password", "secret_key")
    keys = ("endpoint", "internal", "root_user", "root_password", "access_key", "secret_key", "bucket", "data", "watch")

    def prove(self, inputs: Inputs, deadline_seconds: float) -> Evidence:
        made: Evidence = {}

        def make() -> None:
            made.update(add_user(inputs, POLICY, policy(inputs["bucket"], inputs["data"])))

        return retry_sequence(make, lambda: {**made, **_proven(inputs)}, deadline_seconds=deadline_seconds)


def _proven(inputs: Inputs) -> Evidence:
    bucket = inputs["bucket"]
    store = client(inputs["endpoint"], inputs["access_key"], inputs["secret_key"])
    version = marker_round_trip(store, bucket, POLICY)
    forbidden: list[tuple[str, str, Callable[[], None]]] = [
        (f"DELETE {bucket}/{MARKER}", "s3:DeleteObject", partial(store.remove_object, bucket, MARKER)),
        (
            f"DELETE version {version} of {bucket}/{MARKER}",
            "s3:DeleteObjectVersion",
            partial(store.remove_object, bucket, MARKER, version_id=version),
        ),
        (f"DELETE bucket {bucket}", "s3:DeleteBucket", partial(store.remove_bucket, bucket)),
        *((f"{action} of {bucket}", action, attempt) for action, attempt in attempts(store, bucket)),
    ]
    for probe, action, attempt in forbidden:
        may_not(probe, action, attempt, POLICY)
    return {"bucket": bucket}


class BackupKey(CheckResource, module="checks", name="BackupKey"):
    """The user that backups are written with; what it must not do was tried and refused.

    Args:
        inputs: `endpoint`, `internal` (the store's address for the other services), `root_user`, `root_password`
            (secret), `access_key`, `secret_key` (secret), `bucket` (that backups go to), `data` (buckets whose objects
            it may list), `watch`.
    """

    provider = BackupKeyProvider


def policy(bucket: str, data: list[str]) -> dict[str, Any]:
    """S3 policy of the backups' user.

    Args:
        bucket: that backups go to.
        data: buckets whose objects it may list, and not read.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": list(LIST_ACTIONS),
                "Resource": [f"arn:aws:s3:::{name}" for name in (bucket, *data)],
            },
            {"Effect": "Allow", "Action": list(OBJECT_ACTIONS), "Resource": [f"arn:aws:s3:::{bucket}/*"]},
            {"Effect": "Deny", "Action": list(DENIED), "Resource": ["arn:aws:s3:::*"]},
        ],
    }
