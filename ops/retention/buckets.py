"""Objects that are older than a moment, by bucket and prefix."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ops.backup.errors import told
from ops.backup.store import Store

OWN = "langfuse-stack"
"""Below it are the marks by which the gates know a bucket again: whatever takes them away makes it a stranger's."""
DEPTH = 2
"""Folders of a key that make its prefix: project and kind of event."""
SAY_EVERY = 10_000


@dataclass
class Count:
    """Objects, and bytes of them."""

    objects: int = 0
    size: int = 0

    def add(self, size: int) -> None:
        """One more."""
        self.objects += 1
        self.size += size


@dataclass
class Prefix:
    """What a bucket holds below one prefix."""

    bucket: str
    prefix: str
    """Ends with `/`; empty for what lies at the top."""
    all: Count = field(default_factory=Count)
    """With older versions."""
    old: Count = field(default_factory=Count)
    """Objects as they are read today."""
    old_versions: Count = field(default_factory=Count)
    """Earlier versions, and those of objects that were removed: versioning keeps them."""

    @property
    def kept(self) -> bool:
        """Whether no rule may ever be about it."""
        return self.prefix == f"{OWN}/"


def old(store: Store, cutoff: datetime, progress: Callable[[str], None]) -> list[Prefix]:
    """What is older than `cutoff` in the stack's own buckets; backups are not among them.

    Raises:
        OpsError: the store does not answer.
    """
    found: dict[tuple[str, str], Prefix] = {}
    for bucket in store.data:
        for number, entry in enumerate(_versions(store, bucket), 1):
            if number % SAY_EVERY == 0:
                progress(f"counting {bucket}: {number:,} objects")
            if entry.is_delete_marker:
                continue
            prefix = prefix_of(entry.object_name)
            counted = found.setdefault((bucket, prefix), Prefix(bucket, prefix))
            size = int(entry.size or 0)
            counted.all.add(size)
            if entry.last_modified < cutoff:
                latest = entry.version_id is None or str(entry.is_latest).lower() == "true"
                (counted.old if latest else counted.old_versions).add(size)
    return [found[key] for key in sorted(found)]


def prefix_of(key: str) -> str:
    """The first folders of a key."""
    folders = key.split("/")[:-1][:DEPTH]
    if folders[:1] == [OWN]:
        return f"{OWN}/"
    return "".join(f"{folder}/" for folder in folders)


def rule(prefix: Prefix, days: int) -> dict[str, Any]:
    """The lifecycle rule that would make the store take old objects away; no command of this stack sets it."""
    name = f"{prefix.prefix.strip('/').replace('/', '-') or 'top'}-{days}-days"
    return {
        "ID": name,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix.prefix},
        "Expiration": {"Days": days},
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
    }


def _versions(store: Store, bucket: str) -> Iterator[Any]:
    with told(f"list {bucket}"):
        yield from store.listed(bucket, store.prefix)
