"""Buckets and an application key that only one test uses, for tests that break or inspect them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minio import MinioAdmin
from minio.credentials.providers import StaticProvider

from checks.bucket import AppKeyProvider, BucketProvider, client
from tests.checks.containers import gate_inputs
from tests.checks.gates import green

if TYPE_CHECKING:
    from minio import Minio


@dataclass(frozen=True)
class Store:
    """A store, the buckets that only one test uses, and a user of its own."""

    endpoint: str
    buckets: tuple[str, ...]
    access_key: str
    secret_key: str

    @property
    def root(self) -> "Minio":
        """A client that may do everything."""
        given = gate_inputs("minio-app-key")
        return client(self.endpoint, given["root_user"], given["root_password"])

    @property
    def app(self) -> "Minio":
        """A client with the application's key."""
        return client(self.endpoint, self.access_key, self.secret_key)

    @property
    def admin(self) -> MinioAdmin:
        """For users and policies."""
        given = gate_inputs("minio-app-key")
        credentials = StaticProvider(given["root_user"], given["root_password"])
        return MinioAdmin(endpoint=self.endpoint, credentials=credentials, secure=False)

    def bucket_inputs(self) -> dict[str, Any]:
        """What the program gives the first `Bucket`."""
        where = {"endpoint": self.endpoint, "name": self.buckets[0], "deadline_seconds": 5}
        return {**gate_inputs("bucket-langfuse-events"), **where}

    def key_inputs(self) -> dict[str, Any]:
        """What the program gives the `AppKey`."""
        return {**gate_inputs("minio-app-key"), **self._app()}

    def gate_inputs(self) -> dict[str, Any]:
        """What the program gives the `ObjectStoreGate`."""
        return {**gate_inputs("minio-gate"), **self._app()}

    def _app(self) -> dict[str, Any]:
        own = {"access_key": self.access_key, "secret_key": self.secret_key, "buckets": list(self.buckets)}
        return {**own, "endpoint": self.endpoint, "deadline_seconds": 5}

    def made(self) -> "Store":
        """The same, with buckets and key."""
        for name in self.buckets:
            green(BucketProvider, self.bucket_inputs(), name=name)
        green(AppKeyProvider, self.key_inputs())
        return self

    def give(self, *actions: str) -> None:
        """Give the application's key a policy that allows this, in place of its own."""
        policy = f"policy-of-{self.access_key}"
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": ["arn:aws:s3:::*"]}
        self.admin.policy_add(policy, policy={"Version": "2012-10-17", "Statement": [statement]})
        self.admin.policy_set(policy, user=self.access_key)
