"""Python packages for an image, got on this machine by its pip: a container may not have its CA bundle or index."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

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
    _run("download", *_COMMON, "--only-binary=:all:", f"--dest={folder}", f"--requirement={lock}")


def install(lock: Path, folder: Path, architecture: str) -> None:
    """Installs the packages that `lock` names into `folder`, for the Python of the base image.

    Raises:
        ToolchainError: they cannot be had, or have other hashes than `lock` says.
    """
    machine = _MACHINES.get(architecture)
    if machine is None:
        raise ToolchainError(f"there are no Python packages for the architecture {architecture}")
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in _GLIBC_MINORS]
    _run(
        *("install", *_COMMON, "--only-binary=:all:", "--no-compile", "--implementation=cp"),
        *(f"--python-version={_IMAGE_PYTHON}", *platforms, f"--platform=manylinux2014_{machine}"),
        *(f"--target={folder}", f"--requirement={lock}"),
    )


def _run(*argv: str) -> None:
    try:
        result = subprocess.run(
            [sys.executable, "-P", "-m", "pip", *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            umask=0o022,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(f"pip {argv[0]}: no end after {_SECONDS} s") from error
    if result.returncode != 0:
        words = [line for line in result.stderr.strip().splitlines() if line.strip()][-6:]
        raise ToolchainError(
            f"pip {argv[0]} failed: " + " / ".join(words) + " (PIP_INDEX_URL names the package index to use)"
        )
