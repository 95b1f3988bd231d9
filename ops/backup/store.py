"""The bucket of backups, through the key that may add to it and take nothing away."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from checks.s3 import S3
from ops.backup.clickhouse import Place
from ops.backup.errors import told
from ops.backup.manifest import NAME, Manifest, Object, Part
from ops.session import OpsError
from urls import http_url

if TYPE_CHECKING:
    from minio import Minio

PART_BYTES = 16 << 20
CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60
WITHOUT_VERSIONS = frozenset({"AccessDenied", "NotImplemented"})


class DamagedError(OpsError):
    """What is there in place of a manifest is none."""


class Readable(Protocol):
    """Anything that is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; none at the end."""


class Hashing:
    """Hashes and counts what is read through it."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        """See `Readable`."""
        data = self._source.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    @property
    def sha256(self) -> str:
        """Of all that was read."""
        return self._hash.hexdigest()


class Version(Object):
    """One version of an object, as the bucket lists it."""

    latest: bool = True
    removed: bool = False
    """It is a mark that the object was removed."""


@dataclass(frozen=True)
class Store:
    """Where backups are kept.

    Args:
        endpoint: `host:port` for this machine.
        internal: `host:port` for ClickHouse.
        bucket: its name.
        data: the stack's other buckets.
        client: logged in with the key of backups.
        prefix: what the names of objects in the other buckets begin with.
        key: what ClickHouse is given to enter it; None for a server that has its own.
    """

    endpoint: str
    internal: str
    bucket: str
    data: tuple[str, ...]
    client: "Minio"
    prefix: str = ""
    key: tuple[str, str] | None = field(default=None, repr=False)

    def place(self, backup: str) -> Place:
        """Where ClickHouse keeps its files of a backup."""
        return Place(f"{http_url(self.internal)}/{self.bucket}/{backup}/clickhouse", self.key)

    def put(self, key: str, content: Readable, length: int = -1) -> Part:
        """Write an object and hash it on the way.

        Args:
            key: of the object.
            content: its bytes.
            length: how many; -1 when that shows only at their end.

        Raises:
            OpsError: the store refuses, or is full.
        """
        hashing = Hashing(content)
        with told(f"write {self.bucket}/{key}"):
            done = self.client.put_object(self.bucket, key, hashing, length, part_size=PART_BYTES)  # type: ignore[arg-type]
        return Part(
            key=key,
            size=hashing.size,
            etag=_etag(done.etag or ""),
            version=done.version_id or "",
            sha256=hashing.sha256,
        )

    def put_text(self, key: str, text: str) -> Part:
        """As `put`, for a short text."""
        content = text.encode()
        return self.put(key, io.BytesIO(content), len(content))

    def chunks(self, key: str, version: str | None = None) -> Iterator[bytes]:
        """The bytes of an object, piece by piece.

        Raises:
            OpsError: it is not there, or cannot be read to its end.
        """
        with told(f"read {self.bucket}/{key}"):
            answer: Any = self.client.get_object(self.bucket, key, version_id=version)
            try:
                yield from answer.stream(CHUNK_BYTES)
            finally:
                answer.close()
                answer.release_conn()

    def copy_to(self, key: str, target: IO[bytes], version: str | None = None) -> str:
        """Write an object's bytes to a file; returns their sha256."""
        seen = hashlib.sha256()
        for chunk in self.chunks(key, version):
            seen.update(chunk)
            target.write(chunk)
        target.flush()
        return seen.hexdigest()

    def versions(self, prefix: str, bucket: str | None = None) -> Iterator[Version]:
        """Every version of every object below a prefix, in the order of their keys.

        Raises:
            OpsError: the store does not answer.
        """
        name = bucket or self.bucket
        with told(f"list {name}/{prefix}"):
            for entry in self.listed(name, prefix):
                yield Version(
                    key=entry.object_name,
                    size=entry.size or 0,
                    etag=_etag(entry.etag or ""),
                    version=entry.version_id or "",
                    latest=entry.version_id is None or str(entry.is_latest).lower() == "true",
                    removed=entry.is_delete_marker,
                )

    def listed(self, name: str, prefix: str) -> Iterator[Any]:
        """All versions; just the objects where a store knows no versions, or the key may not list them."""
        from minio.error import S3Error

        listed: Any = self.client.list_objects(name, prefix=prefix, recursive=True, include_version=True)
        try:
            first = next(listed, None)
        except S3Error as error:
            if error.code not in WITHOUT_VERSIONS:
                raise
            listed = self.client.list_objects(name, prefix=prefix, recursive=True)
            first = next(listed, None)
        if first is not None:
            yield first
            yield from listed

    def ids(self) -> list[str]:
        """Every backup that was begun, oldest first; a finished one has a manifest."""
        with told(f"list {self.bucket}"):
            found: Any = self.client.list_objects(self.bucket)
            return sorted(
                entry.object_name.rstrip("/") for entry in found if entry.is_dir and entry.object_name[:8].isdigit()
            )

    def manifest(self, backup: str) -> Manifest | None:
        """The manifest of a backup; None for one that was cut short, or is still being made.

        Raises:
            DamagedError: it is not one.
            OpsError: it cannot be read.
        """
        from minio.error import S3Error

        key = f"{backup}/{NAME}"
        try:
            answer: Any = self.client.get_object(self.bucket, key)
            content = answer.read()
            answer.close()
            answer.release_conn()
        except S3Error as error:
            if error.code == "NoSuchKey":
                return None
            with told(f"read {self.bucket}/{key}"):
                raise
        except Exception:
            with told(f"read {self.bucket}/{key}"):
                raise
        try:
            return Manifest.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            why = f"{where}: {first['msg']}" if where else first["msg"]
            raise DamagedError(
                f"{self.bucket}/{key} is not a manifest ({why}); the bucket keeps what was there before it as a version"
            ) from None


def connect(store: S3) -> "Minio":
    """A client of the object store that waits longer than a check does."""
    import urllib3

    pool = urllib3.PoolManager(
        maxsize=8,
        timeout=urllib3.Timeout(connect=5, read=TIMEOUT_SECONDS),
        # MinIO asks for a pause of a minute, also where bytes are damaged for good.
        retries=urllib3.Retry(3, backoff_factor=0.5, status_forcelist=(503,), respect_retry_after_header=False),
    )
    return store.client(pool)


def _etag(text: str) -> str:
    return text.strip('"')
