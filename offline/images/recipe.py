"""A recipe: how one image is built from packages, and the tag that says exactly which one."""

from __future__ import annotations

import hashlib
import inspect
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from toolchain.report import Report

FOLDER = Path(__file__).parent
STAND_IN = FOLDER.parents[1] / "tests" / "standin"
"""The conformance stand-in of this checkout, which need not have one."""
_HASH_LENGTH = 12
_LEFT_OUT = {"__pycache__", "tests"}
_FORMER_NAMES = {
    "offline": "toolchain",
    "from platforms.docker import images as client": "from toolchain.images import client",
    "from platforms.docker import client": "from toolchain.images import client",
    'client.argv("load", "--quiet")': '["docker", "load", "--quiet"]',
    "client.DockerError": "client.DockerCommandError",
}
"""Names in the code of recipes, and what they were."""


@dataclass(frozen=True)
class Job:
    """One build: the recipe, for which architecture, and on which base image (empty when it has none)."""

    recipe: Recipe
    tag: str
    architecture: str
    base: str
    report: Report


class Kind(Protocol):
    """How a family of images is built: artefacts are gathered into a folder, the image is made of it."""

    def prepare(self, job: Job, context: Path) -> None:
        """Downloads or builds what the image needs into `context`, where the recipe's files are already."""

    def finish(self, job: Job, context: Path) -> None:
        """Makes the image `job.tag` of a complete `context`."""


@dataclass(frozen=True)
class Recipe:
    """How an image is built.

    Attributes:
        service: What it is for.
        folder: Name of the folder with its files, and of the one in the cache.
        version: The version of the software in it, as far as its name tells.
        kind: Who knows how to build from those files.
        source: Where its content comes from, for people.
        base: The image it is built on.
        target: The stage of its Dockerfile; empty for the last.
        stand_in: It takes the place of software that cannot be had.
    """

    service: str
    folder: str
    version: str
    kind: Kind
    source: str
    base: Recipe | None = None
    target: str = ""
    stand_in: bool = False

    @property
    def files(self) -> Path:
        """The folder with its files."""
        return STAND_IN / "image" if self.stand_in else FOLDER / self.folder

    def tag(self, architecture: str) -> str:
        """Name of the image: changes with every input, so that what has this name is up to date."""
        return f"langfuse-stack/{self.service}:{self.version}-{self.fingerprint(architecture)}"

    def fingerprint(self, architecture: str) -> str:
        """Hash of all inputs of the image: what is in its build context, its base, version and target."""
        base = self.base.fingerprint(architecture) if self.base else ""
        return _hash(self.artefacts_key(architecture), base, self.version, self.target)

    def artefacts_key(self, architecture: str) -> str:
        """Hash of the inputs of the build context: the recipe's files and the code that adds to them."""
        parts = [architecture, *(_code(sys.modules[kind.__module__]) for kind in _line(self.kind))]
        for path in recipe_files(self.files):
            parts += [f"{self.folder}/{path.relative_to(self.files)}", hashlib.sha256(path.read_bytes()).hexdigest()]
        return _hash(*parts, repr(vars(self.kind)))

    def copy_files(self, context: Path) -> None:
        """Puts the recipe's files into `context`, readable for all whatever the umask of the checkout was."""
        for path in recipe_files(self.files):
            target = context / path.relative_to(self.files)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def recipe_files(root: Path) -> Iterator[Path]:
    """The files of a recipe in a stable order, without caches and tests."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not _LEFT_OUT & set(path.relative_to(root).parts[:-1]):
            yield path


def _line(kind: Kind) -> Iterator[type]:
    return (cls for cls in type(kind).__mro__ if cls.__module__.startswith(__package__ or ""))


def _code(module: ModuleType) -> str:
    """The source of a module with its former names: images that were built before stay valid."""
    source = inspect.getsource(module)
    for name, former in _FORMER_NAMES.items():
        source = source.replace(name, former)
    return source


def _hash(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:_HASH_LENGTH]
