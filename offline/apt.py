"""Debian packages: installs only what is missing, and only where that is possible at all."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from offline import commands
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from toolchain.report import Report

_INSTALL_SECONDS = 900
_UPDATE_SECONDS = 180
_OPTIONS = (
    "-o",
    "DPkg::Lock::Timeout=300",
    "-o",
    "Acquire::Retries=1",
    "-o",
    "Acquire::http::Timeout=15",
    "-o",
    "Acquire::https::Timeout=15",
)


def obstacle() -> str | None:
    """Why packages cannot be installed here, or None when they can."""
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return "this is not a Debian-like system"
    if os.geteuid() != 0:
        return "only root can install packages"
    return None


def install(package: str, part: str, report: Report) -> None:
    """Installs `package` without its recommendations, refreshing the package lists only when needed.

    Raises:
        ToolchainError: packages cannot be installed here, or apt-get failed.
    """
    why_not = obstacle()
    if why_not is not None:
        raise ToolchainError(f"{package} is needed and {why_not}. Install it yourself: apt-get install {package}")
    report.step(part, f"installing the Debian package {package}")
    started = time.monotonic()
    command = ["apt-get", *_OPTIONS, "install", "--yes", "--no-install-recommends", package]
    if commands.failure(command, _INSTALL_SECONDS) is not None:
        commands.failure(["apt-get", *_OPTIONS, "update"], _UPDATE_SECONDS)
        failure = commands.failure(command, _INSTALL_SECONDS)
        if failure is not None:
            raise ToolchainError(
                f"apt-get could not install {package}:\n{failure}\n"
                f"Repair it (apt-get update && apt-get install {package}), then run the same command again."
            )
    report.done(part, f"Debian package {package} installed", time.monotonic() - started)
