"""Lists of objects as parts of a backup: JSON lines, compressed, since a bucket may hold millions."""

import gzip
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from ops.backup.manifest import BUCKETS, Bucket, Object, Part
from ops.backup.store import Store


def write(store: Store, key: str, objects: Iterable[Object]) -> Part:
    """Write a list of objects to the bucket.

    Raises:
        OpsError: the store does not answer, refuses, or is full.
    """
    with tempfile.TemporaryFile() as file:
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=3, mtime=0) as packed:
            for entry in objects:
                packed.write(entry.model_dump_json(include={"key", "size", "etag", "version"}).encode() + b"\n")
        length = file.tell()
        file.seek(0)
        return store.put(key, file, length)


def read(file: IO[bytes]) -> Iterator[Object]:
    """The objects of a list."""
    with gzip.GzipFile(fileobj=file) as packed:
        for line in packed:
            yield Object.model_validate_json(line)


def buckets(store: Store, backup: str) -> tuple[Part, list[Bucket]]:
    """Write down what the stack's own buckets hold; the keys in the list begin with the bucket.

    Raises:
        OpsError: the store does not answer, refuses, or is full.
    """
    counted = {name: [0, 0] for name in store.data}

    def objects() -> Iterator[Object]:
        for name in store.data:
            for entry in store.versions(store.prefix, name):
                if entry.latest and not entry.removed:
                    counted[name][0] += 1
                    counted[name][1] += entry.size
                    yield entry.model_copy(update={"key": f"{name}/{entry.key}"})

    part = write(store, f"{backup}/{BUCKETS}", objects())
    return part, [Bucket(name=name, objects=number, size=size) for name, (number, size) in counted.items()]
