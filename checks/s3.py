"""A store that speaks S3, and how it is entered: the stack's own MinIO, or one elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from urls import http_url

if TYPE_CHECKING:
    from minio import Minio
    from urllib3 import PoolManager

TIMEOUT_SECONDS = 5
REGION = "us-east-1"
ROLE = "web and worker have a role where they run, and this machine has no key"


@dataclass(frozen=True)
class S3:
    """Where a store is, and the key to it."""

    endpoint: str
    """`host:port`, or a URL."""
    access_key: str
    """Empty where web and worker have a role instead of a key."""
    secret_key: str = field(repr=False)
    region: str = REGION
    by_path: bool = True
    """Whether the bucket is part of the path."""
    prefix: str = ""
    """What the names of objects begin with."""

    @classmethod
    def of(cls, outputs: Mapping[str, Any]) -> "S3":
        """The store that a gate's inputs or outputs name."""
        names = ("endpoint", "access_key", "secret_key", "region", "by_path", "prefix")
        return cls(**{name: outputs[name] for name in names if name in outputs})

    @property
    def url(self) -> str:
        """Where it is."""
        return http_url(self.endpoint)

    def client(self, pool: "PoolManager | None" = None) -> "Minio":
        """A client with bounded time-outs.

        Args:
            pool: other than the usual one, which never tries again.
        """
        from minio import Minio

        address = urlsplit(self.url)
        made = Minio(
            endpoint=address.netloc,
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=address.scheme == "https",
            http_client=pool or quick_pool(),
            region=self.region,
        )
        if self.by_path:
            made.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
        else:
            made.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
        return made


def quick_pool() -> "PoolManager":
    """Connections that give up soon and never try again."""
    import urllib3

    return urllib3.PoolManager(timeout=urllib3.Timeout(TIMEOUT_SECONDS), retries=urllib3.Retry(0))
