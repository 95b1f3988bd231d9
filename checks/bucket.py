"""Buckets that are made if absent and never removed, and an application key that could not remove them either."""

import io
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from checks.base import CheckFailedError, CheckProvider, CheckResource, DataProvider, Evidence, Inputs, brief

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from minio import Minio
    from urllib3 import PoolManager

MARKER = "langfuse-stack/marker"
TIMEOUT_SECONDS = 5
KEY_REFUSALS = ("SignatureDoesNotMatch", "InvalidAccessKeyId")
APP_POLICY = "langfuse-stack-app"
APP_ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
APP_BUCKET_ACTIONS = ("s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads")


def client(endpoint: str, access_key: str, secret_key: str) -> "Minio":
    """A client of the object store at `endpoint` (`host:port`, plain HTTP) with bounded time-outs."""
    from minio import Minio

    return Minio(
        endpoint=endpoint,
        access_key=access_key,
        secret_key=secret_key,
        secure=False,
        http_client=_pool(),
        region="us-east-1",
    )


def _pool() -> "PoolManager":
    import urllib3

    return urllib3.PoolManager(timeout=urllib3.Timeout(TIMEOUT_SECONDS), retries=urllib3.Retry(0))


def _failure(probe: str, error: Exception) -> CheckFailedError:
    refusal = next((code for code in KEY_REFUSALS if code in str(error)), None)
    if refusal:
        return CheckFailedError(
            probe,
            refusal,
            "the store holds another key than the stack: run `make up`, which starts it with the stack's own",
            final=True,
        )
    code = getattr(error, "code", None)
    if code == "AccessDenied":
        return CheckFailedError(
            probe, code, f"the key's policy does not allow it: run `make up`, which sets the policy {APP_POLICY}"
        )
    seen = f"{code}: {getattr(error, 'message', None)}" if code else brief(error)
    return CheckFailedError(probe, seen, "see the object store's log; its endpoint must answer S3 requests")


class BucketProvider(DataProvider):
    """See `Bucket`."""

    label = "bucket"
    libraries = ("minio",)
    secrets = ("secret_key",)
    keys = ("endpoint", "access_key", "secret_key", "name")

    def probe(self, inputs: Inputs) -> Evidence:
        from minio.commonconfig import ENABLED
        from minio.versioningconfig import VersioningConfig

        name = inputs["name"]
        store = client(inputs["endpoint"], inputs["access_key"], inputs["secret_key"])
        try:
            # Asked with GET: the answer to a HEAD request cannot say why a key was refused.
            if not _exists(store, name):
                store.make_bucket(name)
            if store.get_bucket_versioning(name).status != ENABLED:
                store.set_bucket_versioning(name, VersioningConfig(ENABLED))
        except Exception as error:
            raise _failure(f"bucket {name} at {inputs['endpoint']}", error) from None
        return {"bucket": name, "versioning": "Enabled"}


def _exists(store: "Minio", bucket: str) -> bool:
    from minio.error import S3Error

    try:
        store.get_bucket_versioning(bucket)
    except S3Error as error:
        if error.code == "NoSuchBucket":
            return False
        raise
    return True


class Bucket(CheckResource, module="checks", name="Bucket"):
    """A versioned bucket. Holds data: made if absent, adopted if there, never removed.

    Args:
        inputs: `endpoint` (`host:port`), `access_key`, `secret_key` (secret; a key that may create buckets), `name`.
    """

    provider = BucketProvider


class AppKeyProvider(CheckProvider):
    """See `AppKey`."""

    label = "object store key"
    libraries = ("minio",)
    secrets = ("root_password", "secret_key")
    keys = ("endpoint", "root_user", "root_password", "access_key", "secret_key", "buckets", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        from minio import MinioAdmin
        from minio.credentials.providers import StaticProvider

        admin = MinioAdmin(
            endpoint=inputs["endpoint"],
            credentials=StaticProvider(inputs["root_user"], inputs["root_password"]),
            secure=False,
            http_client=_pool(),
        )
        try:
            admin.policy_add(APP_POLICY, policy=app_policy(inputs["buckets"]))
            admin.user_add(inputs["access_key"], inputs["secret_key"])
            if json.loads(admin.user_info(inputs["access_key"])).get("policyName") != APP_POLICY:
                admin.policy_set(APP_POLICY, user=inputs["access_key"])
        except Exception as error:
            raise _failure(f"add user {inputs['access_key']} at {inputs['endpoint']}", error) from None
        return {"access_key": inputs["access_key"], "policy": APP_POLICY}


class AppKey(CheckResource, module="checks", name="AppKey"):
    """The application's user: reads and writes objects in the given buckets, and can remove no bucket and no version.

    Args:
        inputs: `endpoint`, `root_user`, `root_password` (secret), `access_key`, `secret_key` (secret), `buckets`,
            `watch`.
    """

    provider = AppKeyProvider


def app_policy(buckets: list[str]) -> dict[str, Any]:
    """S3 policy of the application's user."""
    statements: list[Mapping[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": list(APP_BUCKET_ACTIONS),
            "Resource": [f"arn:aws:s3:::{name}" for name in buckets],
        },
        {
            "Effect": "Allow",
            "Action": list(APP_ACTIONS),
            "Resource": [f"arn:aws:s3:::{name}/*" for name in buckets],
        },
        # Said outright, since MinIO lets a key that may hide an object remove its versions too.
        {"Effect": "Deny", "Action": ["s3:DeleteObjectVersion"], "Resource": ["arn:aws:s3:::*"]},
    ]
    return {"Version": "2012-10-17", "Statement": statements}


class ObjectStoreProvider(CheckProvider):
    """See `ObjectStoreGate`."""

    label = "gate minio"
    libraries = ("minio",)
    secrets = ("secret_key",)
    keys = ("endpoint", "root_user", "access_key", "secret_key", "buckets", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        if inputs["access_key"] == inputs["root_user"]:
            raise CheckFailedError(
                "access key of the application",
                "it is the root user",
                "give Langfuse a key of its own",
                final=True,
            )
        store = client(inputs["endpoint"], inputs["access_key"], inputs["secret_key"])
        for name in inputs["buckets"]:
            version = _marker_round_trip(store, name)
            _may_not(
                f"DELETE version {version} of {name}/{MARKER}",
                "s3:DeleteObjectVersion",
                partial(store.remove_object, name, MARKER, version_id=version),
            )
            # The bucket holds the marker, so even a key that may remove buckets removes nothing.
            _may_not(f"DELETE bucket {name}", "s3:DeleteBucket", partial(store.remove_bucket, name))
        return {"buckets": list(inputs["buckets"])}


class ObjectStoreGate(CheckResource, module="checks", name="ObjectStore"):
    """The application's key writes and reads back a marker in every bucket, and can remove neither it nor the bucket.

    Args:
        inputs: `endpoint`, `root_user`, `access_key`, `secret_key` (secret), `buckets`, `watch`.
    """

    provider = ObjectStoreProvider


def _marker_round_trip(store: "Minio", bucket: str) -> str:
    """Version of the marker that was written and read back."""
    body = b"written by the gate of this stack"
    probe = f"PUT and GET {bucket}/{MARKER}"
    try:
        version = store.put_object(bucket, MARKER, io.BytesIO(body), len(body)).version_id
        answer = store.get_object(bucket, MARKER)
        try:
            seen = answer.read()
        finally:
            answer.close()
    except Exception as error:
        raise _failure(probe, error) from None
    if seen != body:
        raise CheckFailedError(
            probe, f"{len(seen)} other bytes", "the store does not return what was written", final=True
        )
    if version is None:
        raise CheckFailedError(
            probe, f"{bucket} keeps no versions", "run `make up`, which switches versioning on", final=True
        )
    return version


def _may_not(probe: str, action: str, attempt: "Callable[[], None]") -> None:
    """Raises CheckFailedError unless the attempt is refused for want of rights."""
    from minio.error import S3Error

    fix = f"take {action} away from the application's key (policy {APP_POLICY})"
    try:
        attempt()
    except S3Error as error:
        if error.code == "AccessDenied":
            return
        raise CheckFailedError(probe, str(error.code), fix, final=True) from None
    except Exception as error:
        raise _failure(probe, error) from None
    raise CheckFailedError(probe, "removed", fix, final=True)
