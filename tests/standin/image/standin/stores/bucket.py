"""JSON objects in the event bucket."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException

if TYPE_CHECKING:
    from collections.abc import Sequence

    from standin.settings import BucketSettings

AMAZON = "https://s3.amazonaws.com"
TIMEOUT_SECONDS = 10
CONNECTIONS = 10


class BucketError(Exception):
    """The object is not known to be stored or cannot be read."""


class Bucket:
    """The bucket that every event passes through; it must exist already."""

    def __init__(self, settings: BucketSettings) -> None:
        self._settings = settings
        address = urlsplit(settings.endpoint or AMAZON)
        self._client = Minio(
            endpoint=address.netloc,
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            region=settings.region,
            secure=address.scheme == "https",
            http_client=urllib3.PoolManager(
                maxsize=CONNECTIONS,
                timeout=urllib3.Timeout(TIMEOUT_SECONDS),
                retries=urllib3.Retry(1, backoff_factor=0.2),
            ),
        )
        if settings.path_style:
            self._client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
        else:
            self._client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self._settings.bucket

    @property
    def prefix(self) -> str:
        """First part of every key."""
        return self._settings.prefix

    async def put(self, key: str, content: Any) -> None:
        """Store one object as JSON.

        Raises:
            BucketError: The store did not confirm it.
        """
        data = json.dumps(content).encode()
        await self._guarded(
            lambda: self._client.put_object(
                bucket_name=self.name,
                object_name=key,
                data=io.BytesIO(data),
                length=len(data),
                content_type="application/json",
            )
        )

    async def get(self, key: str) -> Any:
        """Read one object's JSON.

        Raises:
            BucketError: It is absent or cannot be read.
        """
        return await self._guarded(lambda: self._read(key))

    async def get_all(self, prefix: str) -> list[Any]:
        """Read the JSON of every object below a prefix.

        Raises:
            BucketError: One of them cannot be read.
        """

        def read() -> list[Any]:
            listing = self._client.list_objects(bucket_name=self.name, prefix=prefix, recursive=True)
            return [self._read(str(entry.object_name)) for entry in listing]

        contents: list[Any] = await self._guarded(read)
        return contents

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; a bucket that keeps versions then has a delete marker on each.

        Raises:
            BucketError: The store refused one of them.
        """

        def remove() -> list[str]:
            wanted = [DeleteObject(key) for key in keys]
            return [
                str(error) for error in self._client.remove_objects(bucket_name=self.name, delete_object_list=wanted)
            ]

        refused: list[str] = await self._guarded(remove)
        if refused:
            raise BucketError(f"Failed to delete files from S3: {', '.join(refused)}")

    def link(self, method: str, key: str, seconds: int) -> str:
        """An address by which whoever has it may GET or PUT that object for a while; the store is not called."""
        return str(
            self._client.get_presigned_url(
                method=method, bucket_name=self.name, object_name=key, expires=timedelta(seconds=seconds)
            )
        )

    def _read(self, key: str) -> Any:
        response = self._client.get_object(bucket_name=self.name, object_name=key)
        try:
            return json.loads(response.read())
        finally:
            response.close()
            response.release_conn()

    async def _guarded(self, action: Any) -> Any:
        try:
            return await asyncio.to_thread(action)
        except (MinioException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise BucketError(str(error)) from error
