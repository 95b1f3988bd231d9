"""Which backups there are."""

from collections.abc import Iterator
from dataclasses import dataclass

from ops.backup.manifest import Manifest
from ops.backup.store import Store
from ops.session import OpsError


@dataclass(frozen=True)
class Entry:
    """A backup that was begun."""

    id: str
    manifest: Manifest | None
    """None: it was cut short, or is still being made."""


def entries(store: Store) -> list[Entry]:
    """Every backup that was begun, oldest first.

    Raises:
        OpsError: the store does not answer, or a manifest is damaged.
    """
    return [Entry(backup, store.manifest(backup)) for backup in store.ids()]


def newest(store: Store) -> Manifest | None:
    """The newest finished backup; None before the first.

    Raises:
        OpsError: the store does not answer.
    """
    return next((found for backup in reversed(store.ids()) if (found := store.manifest(backup))), None)


def named(store: Store, backup: str | None) -> Manifest:
    """The finished backup of that name; the newest one without a name.

    Raises:
        OpsError: there is none.
    """
    if backup is None:
        if latest := newest(store):
            return latest
        raise OpsError("there is no finished backup yet: `make backup` makes one")
    found = store.manifest(backup) if backup in store.ids() else None
    if found is None:
        raise OpsError(f"there is no finished backup {backup}: `python -m ops backup --list` shows those there are")
    return found


def chain(store: Store, manifest: Manifest) -> Iterator[Manifest]:
    """A backup and all that it needs, newest first.

    Raises:
        OpsError: one is missing.
    """
    yield manifest
    while manifest.base:
        found = store.manifest(manifest.base)
        if found is None:
            raise OpsError(f"{manifest.id} needs {manifest.base}, and that has no manifest")
        manifest = found
        yield manifest
