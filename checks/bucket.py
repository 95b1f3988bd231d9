"""Buckets that are made if absent and never removed, and an application key that could not remove them either."""

import io
import json
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from checks.base import (
    KNOWN_IDENTITY,
    CheckFailedError,
    CheckProvider,
    CheckResource,
    DataProvider,
    Evidence,
    Identity,
    Inputs,
    assert_same_store,
    first_line,
)
from checks.s3 import S3, quick_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from minio import Minio, MinioAdmin

SERVICE_UNAVAILABLE = 503
MARKER = "langfuse-stack/marker"
IDENTITY = "langfuse-stack/identity"
"""Object that tells its bucket from any other."""
KEY_REFUSALS = ("SignatureDoesNotMatch", "InvalidAccessKeyId")
APP_POLICY = "langfuse-stack-app"
APP_ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
DELETE = "s3:DeleteObject"
"""Hides an object below a delete marker; the application's only where it may delete rows, too."""
APP_BUCKET_ACTIONS = ("s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads")
DENIED_ACTIONS = (
    "s3:BypassGovernanceRetention",
    "s3:DeleteBucket",
    "s3:DeleteObjectVersion",
    "s3:ForceDeleteBucket",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
)
"""Whatever else the key is given: each of these takes away objects, versions or what keeps them."""


def client(endpoint: str, access_key: str, secret_key: str) -> "Minio":
    """A client of the stack's own object store at `endpoint`."""
    return S3(endpoint, access_key, secret_key).client()


def failure(probe: str, error: Exception, policy: str = APP_POLICY) -> CheckFailedError:
    """The finding that an error of the store's client is, with the fix; `policy` is the key's."""
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
            probe, code, f"the key's policy does not allow it: run `make up`, which sets the policy {policy}"
        )
    seen = f"{code}: {getattr(error, 'message', None)}" if code else first_line(error)
    return CheckFailedError(probe, seen, "see the object store's log; its endpoint must answer S3 requests")


def _settled(endpoint: str) -> None:
    """Wait until MinIO has read its own records: what it is told of a bucket before that, it may forget.

    Raises:
        CheckFailedError: it has not yet. Another S3 server does not know the question and is taken as it is.
    """
    url = f"http://{endpoint}/minio/health/cluster"
    answer = quick_pool().request("GET", url)
    if answer.status == SERVICE_UNAVAILABLE:
        state = answer.headers.get("x-minio-server-status", "not ready")
        raise CheckFailedError(f"GET {url}", f"503 {state}", "see the object store's log")


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
            _settled(inputs["endpoint"])
            # Asked with GET: the answer to a HEAD request cannot say why a key was refused.
            if not _exists(store, name):
                assert_same_store(inputs[KNOWN_IDENTITY], {})
                store.make_bucket(name)
            if store.get_bucket_versioning(name).status != ENABLED:
                store.set_bucket_versioning(name, VersioningConfig(ENABLED))
        except CheckFailedError:
            raise
        except Exception as error:
            raise failure(f"bucket {name} at {inputs['endpoint']}", error) from None
        return {
            "bucket": name,
            "versioning": "Enabled",
            "identity": bucket_identity(store, [name], inputs[KNOWN_IDENTITY]),
        }


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
    keys = (
        "endpoint",
        "root_user",
        "root_password",
        "access_key",
        "secret_key",
        "buckets",
        "deletions",
        "retired",
        "watch",
    )

    def probe(self, inputs: Inputs) -> Evidence:
        may_delete = bool(inputs.get("deletions", True))  # not said by a stack of an earlier version
        made = add_user(inputs, APP_POLICY, app_policy(inputs["buckets"], deletions=may_delete))
        for user in inputs.get("retired") or ():
            _retire(inputs, user)
        return made


def _retire(inputs: Inputs, user: str) -> None:
    """Let a user in no more; one that this store never had is left so."""
    try:
        _admin(inputs).user_disable(user)
    except Exception as error:
        if "NoSuchUser" not in str(error):
            raise failure(f"disable user {user} at {inputs['endpoint']}", error) from None


def _admin(inputs: Inputs) -> "MinioAdmin":
    from minio import MinioAdmin
    from minio.credentials.providers import StaticProvider

    return MinioAdmin(
        endpoint=inputs["endpoint"],
        credentials=StaticProvider(inputs["root_user"], inputs["root_password"]),
        secure=False,
        http_client=quick_pool(),
    )


def add_user(inputs: Inputs, name: str, policy: "Mapping[str, Any]") -> Evidence:
    """Make a user, or give it its key and policy again.

    Args:
        inputs: `endpoint`, `root_user`, `root_password`, `access_key`, `secret_key`.
        name: of the policy.
        policy: what the user may do, and nothing else.

    Raises:
        CheckFailedError: the store refuses.
    """
    admin = _admin(inputs)
    try:
        admin.policy_add(name, policy=dict(policy))
        admin.user_add(inputs["access_key"], inputs["secret_key"])
        if json.loads(admin.user_info(inputs["access_key"])).get("policyName") != name:
            admin.policy_set(name, user=inputs["access_key"])
    except Exception as error:
        raise failure(f"add user {inputs['access_key']} at {inputs['endpoint']}", error) from None
    return {"access_key": inputs["access_key"], "policy": name}


class AppKey(CheckResource, module="checks", name="AppKey"):
    """The application's user: reads and writes objects in the given buckets, and can remove no bucket and no version.

    Args:
        inputs: `endpoint`, `root_user`, `root_password` (secret), `access_key`, `secret_key` (secret), `buckets`,
            `deletions` (whether it may delete objects, of which a version then stays),
            `retired` (users of earlier keys, which are let in no more), `watch`.
    """

    provider = AppKeyProvider


def app_policy(buckets: list[str], *, deletions: bool) -> dict[str, Any]:
    """S3 policy of the application's user."""
    actions = [*APP_ACTIONS, *([DELETE] if deletions else [])]
    statements: list[Mapping[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": list(APP_BUCKET_ACTIONS),
            "Resource": [f"arn:aws:s3:::{name}" for name in buckets],
        },
        {
            "Effect": "Allow",
            "Action": actions,
            "Resource": [f"arn:aws:s3:::{name}/*" for name in buckets],
        },
        # Said outright, since MinIO lets a key that may hide an object remove its versions too.
        {"Effect": "Deny", "Action": list(DENIED_ACTIONS), "Resource": ["arn:aws:s3:::*"]},
    ]
    return {"Version": "2012-10-17", "Statement": statements}


class ObjectStoreProvider(CheckProvider):
    """See `ObjectStoreGate`."""

    label = "gate minio"
    libraries = ("minio",)
    secrets = ("secret_key",)
    keys = ("endpoint", "root_user", "access_key", "secret_key", "buckets", "deletions", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        if inputs["access_key"] == inputs["root_user"]:
            raise CheckFailedError(
                "access key of the application",
                "it is the root user",
                "give Langfuse a key of its own",
                final=True,
            )
        store = client(inputs["endpoint"], inputs["access_key"], inputs["secret_key"])
        identity = bucket_identity(store, inputs["buckets"], inputs[KNOWN_IDENTITY])
        for name in inputs["buckets"]:
            version = marker_round_trip(store, name)
            may_not(
                f"DELETE version {version} of {name}/{MARKER}",
                "s3:DeleteObjectVersion",
                partial(store.remove_object, name, MARKER, version_id=version),
            )
            # The bucket holds the marker, so even a key that may remove buckets removes nothing.
            may_not(f"DELETE bucket {name}", "s3:DeleteBucket", partial(store.remove_bucket, name))
            for action, attempt in attempts(store, name):
                may_not(f"{action} of {name}", action, attempt)
            if not inputs["deletions"]:
                may_not(f"DELETE {name}/{MARKER}", DELETE, partial(store.remove_object, name, MARKER))
        return {"buckets": list(inputs["buckets"]), "identity": identity}


class ObjectStoreGate(CheckResource, module="checks", name="ObjectStore"):
    """The application's key writes and reads back a marker in every bucket, and can remove neither it nor the bucket.

    Nor can it change how long versions are kept, and the buckets are the ones that were proven before.

    Args:
        inputs: `endpoint`, `root_user`, `access_key`, `secret_key` (secret), `buckets`, `deletions` (whether the key
            may delete objects), `watch`.
    """

    provider = ObjectStoreProvider


def bucket_identity(
    store: "Minio",
    buckets: "Sequence[str]",
    known: Identity | None,
    failure: "Callable[[str, Exception], CheckFailedError]" = failure,
    prefix: str = "",
) -> Identity:
    """Each bucket's mark; made in a bucket that was never seen before, and never put into one that lost it.

    Args:
        store: a client of it.
        buckets: names of all.
        known: what was seen before; None for nothing.
        failure: the finding that an error is.
        prefix: what the names of objects begin with.
    """
    key = f"{prefix}{IDENTITY}"
    seen: dict[str, str] = {}
    for name in buckets:
        known_here = name in (known or {})
        try:
            mark = _mark(store, name, key, known=known_here)
            if mark is None and not known_here:
                mark = str(uuid4())
                store.put_object(name, key, io.BytesIO(mark.encode()), len(mark))
        except Exception as error:
            raise failure(f"GET and PUT {name}/{key}", error) from None
        if mark:
            seen[name] = mark
    assert_same_store(known, seen)
    return seen


def _mark(store: "Minio", bucket: str, key: str, *, known: bool) -> str | None:
    """What tells the bucket from any other; None when it has none, or when it was known and is gone."""
    from minio.error import S3Error

    try:
        answer = store.get_object(bucket, key)
    except S3Error as error:
        if error.code == "NoSuchKey" or (known and error.code == "NoSuchBucket"):
            return None
        raise
    try:
        return str(answer.read().decode())
    finally:
        answer.close()


def attempts(store: "Minio", bucket: str) -> "Iterator[tuple[str, Callable[[], None]]]":
    """Each changes what keeps versions, in a way that does no harm if it is taken."""
    from minio.commonconfig import ENABLED, GOVERNANCE
    from minio.objectlockconfig import DAYS, ObjectLockConfig
    from minio.versioningconfig import VersioningConfig

    lock = ObjectLockConfig(GOVERNANCE, 1, DAYS)  # no bucket of the stack was made with locks, so none takes it
    yield "s3:PutBucketVersioning", partial(store.set_bucket_versioning, bucket, VersioningConfig(ENABLED))
    yield "s3:PutBucketObjectLockConfiguration", partial(store.set_object_lock_config, bucket, lock)
    yield "s3:PutLifecycleConfiguration", partial(store.delete_bucket_lifecycle, bucket)


def marker_round_trip(store: "Minio", bucket: str, policy: str = APP_POLICY) -> str:
    """Version of the marker that was written and read back.

    Raises:
        CheckFailedError: it was not, or the bucket keeps no versions.
    """
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
        raise failure(probe, error, policy) from None
    if seen != body:
        raise CheckFailedError(
            probe, f"{len(seen)} other bytes", "the store does not return what was written", final=True
        )
    if version is None:
        raise CheckFailedError(probe, f"{bucket} keeps no versions", "run `make up`, which switches versioning on")
    return version


def may_not(probe: str, action: str, attempt: "Callable[[], None]", policy: str = APP_POLICY) -> None:
    """Try what a key must not do.

    Args:
        probe: the request.
        action: S3 action that it takes.
        attempt: makes the request.
        policy: the key's.

    Raises:
        CheckFailedError: it was not refused for want of rights.
    """
    from minio.error import S3Error

    fix = f"take {action} away from the key: `make up` sets policy {policy} again"
    try:
        attempt()
    except S3Error as error:
        if error.code == "AccessDenied":
            return
        raise CheckFailedError(probe, str(error.code), fix, final=True) from None
    except Exception as error:
        raise failure(probe, error, policy) from None
    raise CheckFailedError(probe, "allowed", fix, final=True)
