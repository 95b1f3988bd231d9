"""Which backups there are."""

from collections.abc import Iterator
from dataclasses import dataclass

from ops.backup.manifest import Manifest
from ops.backup.store import DamagedError, Store
from ops.session import OpsError


@dataclass(frozen=True)
class Entry:
    """A backup that was begun."""

    id: str
    manifest: Manifest | None
    """None: it was cut short, is still being made, or is damaged."""
    damaged: str = ""
    """What is wrong with its manifest; empty when nothing is."""


def entries(store: Store) -> list[Entry]:
    """Every backup that was begun, oldest first.

    Raises:
        OpsError: the store does not answer.
    """
    return [_entry(store, backup) for backup in store.ids()]


def newest(store: Store) -> Manifest | None:
    """The newest finished backup whose manifest can be read; None where there is none.

    Raises:
        OpsError: the store does not answer.
    """
    return next((found for backup in reversed(store.ids()) if (found := _entry(store, backup).manifest)), None)


def named(store: Store, backup: str | None) -> Manifest:
    """The finished backup of that name; the newest one without a name.

    Raises:
        DamagedError: its manifest is none.
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
        OpsError: one is missing, or damaged.
    """
    yield manifest
    while manifest.base:
        found = store.manifest(manifest.base)
        if found is None:
            raise OpsError(f"{manifest.id} needs {manifest.base}, and that has no manifest")
        manifest = found
        yield manifest


def _entry(store: Store, backup: str) -> Entry:
    try:
        return Entry(backup, store.manifest(backup))
    except DamagedError as error:
        return Entry(backup, None, str(error))
