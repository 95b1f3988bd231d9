"""The lock file of a stack's images: committed, so that every machine runs the same content of the same reference."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HEAD = """\
# Written by `make images STACK={stack}`, and committed: every machine runs these images. An image with a digest is got
# by it, one without by its exact tag. `built` is content of the machine that built it, where no registry answered.
"""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_FIELDS = {"reference", "digest", "version", "built"}


@dataclass(frozen=True)
class Locked:
    """One image.

    Attributes:
        reference: What is asked for.
        version: Version of the software in it.
        digest: The registry's digest; None for what was built, or was never asked of its registry.
        built: What was built instead, None for what a registry serves.
    """

    reference: str
    version: str
    digest: str | None = None
    built: str | None = None


def lock_file(stack: str, settings: Path) -> Path:
    """The lock file of a stack, beside its settings file."""
    return settings.with_name(f"images.{stack.rpartition('/')[2]}.lock.yaml")


def read_lock(path: Path) -> dict[str, Locked]:
    """Service to image; empty where there is no lock file.

    Raises:
        ToolchainError: the file is there and is not one.
    """
    if not path.exists():
        return {}
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return {str(service): _locked(fields) for service, fields in document["images"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise ToolchainError(
            f"{path} cannot be read ({error}): put the committed file back, or `make images`"
        ) from None


def write_lock(path: Path, stack: str, images: Mapping[str, Locked]) -> bool:
    """Write what is locked, sorted by service; whether the file is another one now."""
    content = {
        service: {name: value for name, value in vars(image).items() if value is not None}
        for service, image in sorted(images.items())
    }
    text = _HEAD.format(stack=stack) + yaml.safe_dump({"images": content}, sort_keys=False)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    part = path.with_suffix(".tmp")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return True


def _locked(fields: Any) -> Locked:
    if not isinstance(fields, dict) or not fields.keys() <= _FIELDS:
        raise TypeError(f"an image has {', '.join(sorted(_FIELDS))}")
    found = Locked(**fields)
    texts = [value for value in vars(found).values() if value is not None]
    if not all(isinstance(value, str) for value in texts) or (found.digest and not _DIGEST.fullmatch(found.digest)):
        raise TypeError(f"the image {found.reference} has a digest or a field that is none")
    return found
