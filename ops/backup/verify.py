"""Whether a backup is as it was written: nothing missing, cut short, overwritten or altered."""

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ops.backup import listing
from ops.backup.catalog import chain
from ops.backup.errors import told
from ops.backup.manifest import BUCKETS, LISTING, NAME, Manifest, Object, Part
from ops.backup.store import Store, Version
from ops.session import OpsError

Progress = Callable[[str], None]
Written = TypeVar("Written", bound=Object)
MULTIPART = "-"
"""In the etag of an object that was uploaded in parts, before their number."""


def problems(store: Store, manifest: Manifest, *, read_data: bool, progress: Progress = lambda _: None) -> list[str]:
    """Everything that is not as it was written, of a backup and of those it needs.

    Args:
        store: where it is.
        manifest: of the backup.
        read_data: read every byte, instead of what the bucket says of each object, and look for every object of the
            stack's own buckets that the backup lists.
        progress: is told what is being done.

    Returns:
        one line a finding, each beginning with the key of an object.

    Raises:
        OpsError: the store does not answer.
    """
    found: list[str] = []
    for link in chain(store, manifest):
        progress(f"looking at {link.id}")
        found += _of_one(store, link, read_data=read_data, progress=progress)
    return found


def _of_one(store: Store, manifest: Manifest, *, read_data: bool, progress: Progress) -> Iterator[str]:
    listed: Mapping[str, list[Version]] = defaultdict(list)
    for version in store.versions(f"{manifest.id}/"):
        listed[version.key].append(version)
    if len(listed[f"{manifest.id}/{NAME}"]) > 1:
        yield f"{manifest.id}/{NAME}: was overwritten after the backup was made"
    parts = {part.key: _here(part, listed) for part in manifest.parts}
    yield from _differences(parts.values(), listed)
    for part in parts.values():
        if part.key in listed and _digest(store, part) != part.sha256:
            yield f"{part.key}: holds other bytes than were written"
    try:
        written = [_here(entry, listed) for entry in _listed(store, parts[manifest.part(LISTING).key])]
        held = _listed(store, parts[manifest.part(BUCKETS).key]) if read_data else []
    except (OSError, EOFError, ValueError, OpsError):
        yield f"{manifest.id}: its lists of objects cannot be read, so what was written is not known"
        return
    yield from _differences(written, listed)
    for number, entry in enumerate(written if read_data else ()):
        progress(f"reading {number + 1} of {len(written)} objects of {manifest.id}")
        if entry.key in listed and not _reads_back(store, entry):
            yield f"{entry.key}: holds other bytes than were written"
    there = _versions(store, manifest) if held else set()
    for entry in held:
        if (entry.key, entry.version) not in there:
            yield f"{entry.key}: its version {entry.version}, which the backup relies on, is gone"


def _here(entry: Written, listed: Mapping[str, list[Version]]) -> Written:
    """The entry as it is in this bucket: in a copy of a backup the same bytes have another version.

    Where it was written its version stays for ever, since no key that writes backups can take one away.
    """
    versions = listed.get(entry.key, [])
    latest = _latest(versions)
    if latest is None or any(version.version == entry.version for version in versions):
        return entry
    return entry.model_copy(update={"version": latest.version})


def _latest(versions: Iterable[Version]) -> Version | None:
    return next((version for version in versions if version.latest), None)


def _versions(store: Store, manifest: Manifest) -> set[tuple[str, str]]:
    """Every version of every object in the stack's own buckets; the keys begin with the bucket."""
    return {
        (f"{bucket.name}/{version.key}", version.version)
        for bucket in manifest.buckets
        for version in store.versions(store.prefix, bucket.name)
        if not version.removed
    }


def _differences(objects: Iterable[Object], listed: Mapping[str, list[Version]]) -> Iterator[str]:
    for entry in objects:
        versions = listed.get(entry.key, [])
        latest = _latest(versions)
        kept = any(version.version == entry.version for version in versions)
        way = f"; version {entry.version} still has what was written" if kept else ""
        if latest is None:
            yield f"{entry.key}: is missing"
        elif latest.removed:
            yield f"{entry.key}: was removed{way}"
        elif latest.version != entry.version or latest.etag != entry.etag:
            size = f", {latest.size} bytes instead of {entry.size}" if latest.size != entry.size else ""
            yield f"{entry.key}: was overwritten{size}{way}"
        elif latest.size != entry.size:
            yield f"{entry.key}: was cut short, {latest.size} bytes instead of {entry.size}"


def _listed(store: Store, part: Part) -> list[Object]:
    with tempfile.TemporaryFile() as file:
        store.copy_to(part.key, file, part.version)
        file.seek(0)
        return list(listing.read(file))


def _digest(store: Store, part: Object) -> str:
    seen = hashlib.sha256()
    try:
        for chunk in store.chunks(part.key):
            seen.update(chunk)
    except OpsError:
        return ""
    return seen.hexdigest()


def _reads_back(store: Store, entry: Object) -> bool:
    """Whether an object's bytes have the hash that its etag is made of."""
    sizes = _part_sizes(store, entry)
    digests, seen, left = [], hashlib.md5(usedforsecurity=False), sizes.pop(0)
    try:
        for chunk in store.chunks(entry.key):
            rest = chunk
            while len(rest) >= left and sizes:
                seen.update(rest[:left])
                digests.append(seen.digest())
                rest, seen, left = rest[left:], hashlib.md5(usedforsecurity=False), sizes.pop(0)
            seen.update(rest)
            left -= len(rest)
    except OpsError:
        return False
    if MULTIPART not in entry.etag:
        return seen.hexdigest() == entry.etag
    digests.append(seen.digest())
    whole = hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()
    return f"{whole}-{len(digests)}" == entry.etag


def _part_sizes(store: Store, entry: Object) -> list[int]:
    """Bytes of each part that an object was uploaded in."""
    if MULTIPART not in entry.etag:
        return [entry.size]
    with told(f"look at {entry.key}"):
        sizes = []
        for number in range(1, int(entry.etag.rpartition(MULTIPART)[2]) + 1):
            seen: Any = store.client.stat_object(
                store.bucket, entry.key, version_id=entry.version, extra_query_params={"partNumber": str(number)}
            )
            sizes.append(int(seen.size))
    return sizes
