"""Python packages in folders of their own, by the pip of this machine: a container may lack its CA bundle or index."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from offline import commands
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 1200
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_GLIBC_MINORS = (36, 34, 31, 28, 27, 26, 24, 17)
_IMAGE_PYTHON = "3.11"
_COMMON = ("--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--require-hashes")


def download(lock: Path, folder: Path) -> None:
    """Puts the wheels that `lock` names into `folder`.

    Raises:
        ToolchainError: they cannot be had, or have other hashes than `lock` says.
    """
    _pip("download", f"--dest={folder}", f"--requirement={lock}")


def install(lock: Path, folder: Path, architecture: str | None = None) -> None:
    """Installs the packages that `lock` names into `folder`.

    Args:
        lock: names them, with their hashes.
        folder: gets them.
        architecture: of the base image, if they are for the Python in it rather than for this one.

    Raises:
        ToolchainError: they cannot be had, or have other hashes than `lock` says.
    """
    options = [f"--target={folder}", f"--requirement={lock}", "--no-compile"]
    if architecture:
        if architecture not in _MACHINES:
            raise ToolchainError(f"there are no Python packages for the architecture {architecture}")
        platforms = [*(f"manylinux_2_{minor}" for minor in _GLIBC_MINORS), "manylinux2014"]
        options += ["--implementation=cp", f"--python-version={_IMAGE_PYTHON}"]
        options += [f"--platform={platform}_{_MACHINES[architecture]}" for platform in platforms]
    _pip("install", *options)


def _pip(command: str, *options: str) -> None:
    argv = [sys.executable, "-P", "-m", "pip", command, *_COMMON, "--only-binary=:all:", *options]
    commands.run(f"pip {command}", argv, _SECONDS, "PIP_INDEX_URL names the package index to use")
