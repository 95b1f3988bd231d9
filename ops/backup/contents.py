"""What ClickHouse says is in a backup of its own: the file `.backup`, which it writes when all others are there."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, iterparse

from ops.session import OpsError

FILE = ".backup"
LOCK = ".lock"
"""Left behind by a key that may delete nothing; ClickHouse writes no second backup beside it."""


@dataclass
class Contents:
    """The files of a backup."""

    stored: dict[str, int] = field(default_factory=dict)
    """Path below the backup to bytes, without files that the base holds."""
    parts: dict[str, set[str]] = field(default_factory=dict)
    """Table to the data parts that the backup holds of it."""
    tables: set[str] = field(default_factory=set)
    """Every table and view."""
    files: int = 0


def read(xml: bytes, database: str) -> Contents:
    """Take the list of files apart.

    Args:
        xml: of the file `.backup`.
        database: that was backed up.

    Raises:
        OpsError: the list is cut short, or is none.
    """
    found = Contents()
    try:
        for entry in _files(xml):
            _add(found, {child.tag: child.text or "" for child in entry}, database)
            entry.clear()
    except (ParseError, KeyError, ValueError) as error:
        raise OpsError(f"ClickHouse's list of a backup's files cannot be read: {error}") from None
    return found


def _files(xml: bytes) -> Iterator[Element]:
    for _, entry in iterparse(io.BytesIO(xml)):  # noqa: S314 - written by the stack's own ClickHouse
        if entry.tag == "file":
            yield entry


def _add(found: Contents, entry: Mapping[str, str], database: str) -> None:
    name = entry["name"].lstrip("/")
    size = int(entry["size"])
    found.files += 1
    own = size - (int(entry.get("base_size") or size) if entry.get("use_base") == "true" else 0)
    if own and entry.get("data_file", name).lstrip("/") == name:
        found.stored[name] = own
    folder, *path = name.split("/")
    names = [unquote(word) for word in path]
    if folder == "metadata" and len(names) > 1 and names[0] == database:
        found.tables.add(names[1].removesuffix(".sql"))
    elif folder == "data" and len(names) > 3 and names[0] == database:  # noqa: PLR2004 - database, table, part, file
        found.parts.setdefault(names[1], set()).add(names[2])
