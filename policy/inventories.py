"""The declared, reviewed inventory of a stack: which data it has, and which Langfuse versions have migrated it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from policy.data_types import type_chain
from policy.identity import Identity

ROOT = Path(__file__).resolve().parent.parent
FOLDER_VARIABLE = "LANGFUSE_STACK_INVENTORY"
"""Folder of the inventories, in place of `policy/inventory`; a relative one counts from the repository."""

Key = tuple[str, str]
"""Type chain and logical name: what a URN holds beside stack and project."""
Options = Mapping[str, tuple[str, ...]]
"""`guards`: what keeps the engine from deleting it. `mountedBy`: which services may mount the volume, as `mounter_of`
names them."""
OPTIONS = ("guards", "mountedBy")


class InventoryError(Exception):
    """A stack's inventory is missing or cannot be read; the message says what to do."""


@dataclass(frozen=True)
class Inventory:
    """What a stack must keep."""

    resources: Mapping[Key, Identity]
    versions: tuple[str, ...] = ()
    """Langfuse versions that were recorded, oldest first."""
    options: Mapping[Key, Options] = field(default_factory=dict)
    """Of the same resources; an entry of before they were recorded has none."""

    def as_json(self) -> str:
        """The file's content."""
        entries = [
            {"name": name, "type": type_, "identity": dict(sorted(identity.items()))}
            | {option: list(values) for option, values in sorted(self.options.get((type_, name), {}).items())}
            for (type_, name), identity in sorted(self.resources.items(), key=lambda entry: entry[0])
        ]
        return json.dumps({"versions": list(self.versions), "resources": entries}, indent=2) + "\n"


def key_of(urn: str) -> Key:
    """A resource's key in the inventory."""
    return type_chain(urn), urn.rpartition("::")[2]


def mounter_of(urn: str) -> str:
    """How an inventory names what mounts a volume: type chain and logical name."""
    return "::".join(key_of(urn))


def stack_of(urn: str) -> str:
    """Name of the stack that a resource belongs to."""
    return urn.split(":", 3)[2]


def command(stack: str) -> str:
    """The command line that adds to a stack's inventory."""
    return f"python -m ops inventory --stack {stack}"


def path_of(stack: str) -> Path:
    """Where a stack's inventory is kept."""
    return ROOT / os.environ.get(FOLDER_VARIABLE, "policy/inventory") / f"{stack}.json"


def read(stack: str) -> Inventory:
    """A stack's inventory.

    Raises:
        InventoryError: the file is missing or is not an inventory.
    """
    path = path_of(stack)
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InventoryError(
            f"stack {stack} has no inventory of its data ({_shown(path)}). "
            f"Make it with `{command(stack)}`, and commit it."
        ) from None
    except (OSError, ValueError) as error:
        raise InventoryError(
            f"{_shown(path)} cannot be read: {error}. Put the committed file back (`git checkout`); it is never remade."
        ) from None


def parse(text: str) -> Inventory:
    """An inventory from its file's content.

    Raises:
        ValueError: it is not one; says where.
    """
    content = json.loads(text)
    if not isinstance(content, dict) or set(content) != {"versions", "resources"}:
        raise ValueError("it must have exactly `versions` and `resources`")
    versions, entries = content["versions"], content["resources"]
    if not _all(versions, str) or not _all(entries, dict):
        raise ValueError("`versions` must be a list of strings, `resources` a list of objects")
    resources: dict[Key, Identity] = {}
    options: dict[Key, Options] = {}
    for number, entry in enumerate(entries, 1):
        key, identity, chosen = _fields(entry, number)
        if key in resources:
            raise ValueError(f"resource {number} ({key[1]}) is in it twice")
        resources[key] = identity
        if chosen:
            options[key] = chosen
    return Inventory(resources, tuple(versions), options)


_parsed = cache(parse)
"""Rules read the same file for every resource."""


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, for comparison; what follows them is left out.

    Raises:
        ValueError: it does not start with a number.
    """
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def _all(value: Any, type_: type) -> bool:
    return isinstance(value, list) and all(isinstance(entry, type_) for entry in value)


def _fields(entry: Any, number: int) -> tuple[Key, Identity, Options]:
    match entry:
        case {"type": str(type_), "name": str(name), "identity": dict(identity), **rest}:
            options: Mapping[Any, Any] = rest
            if all(option in OPTIONS and _all(values, str) for option, values in options.items()):
                return (type_, name), identity, {option: tuple(values) for option, values in options.items()}
    raise ValueError(
        f"resource {number} must have `name`, `type` and `identity`, and beside them only lists of strings: "
        + ", ".join(OPTIONS)
    )


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
