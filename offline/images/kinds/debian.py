"""The base image: a minimal Debian with the packages that several services share."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from offline import apt
from platforms.docker import images as client
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

    from offline.images.recipe import Job

_SECONDS = 1200
_ARCHIVE = "root.tar.gz"


class DebianRoot:
    """`debootstrap` of one suite, trimmed, imported as an image of one layer."""

    def __init__(self, suite: str) -> None:
        """Args: suite: code name of the Debian release."""
        self.suite = suite

    def prepare(self, job: Job, context: Path) -> None:
        """Leaves the archive of the root file system in `context`.

        Raises:
            ToolchainError: not root, debootstrap is not available, or it failed.
        """
        if os.geteuid() != 0:
            raise ToolchainError("only root can make a Debian root file system: run the same command as root")
        if shutil.which("debootstrap") is None:
            apt.install("debootstrap", "images", job.report)
        root = context / "root"
        packages = ",".join((context / "packages.txt").read_text().split())
        try:
            _bootstrap(self.suite, job.architecture, packages, root)
            _pack(root, context)
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def finish(self, job: Job, context: Path) -> None:
        """`docker import`."""
        client.import_root(context / _ARCHIVE, job.tag)


def _bootstrap(suite: str, architecture: str, packages: str, root: Path) -> None:
    # In a mount namespace of its own: a killed run leaves nothing mounted in the cache.
    command = ["unshare", "--mount", "debootstrap", "--variant=minbase", f"--arch={architecture}"]
    _run("debootstrap", [*command, f"--include={packages}", suite, str(root), *_mirror()])


def _pack(root: Path, context: Path) -> None:
    command = ["tar", "--create", "--gzip", f"--file={context / _ARCHIVE}", f"--directory={root}"]
    options = ["--numeric-owner", "--sort=name", "--anchored", "--wildcards"]
    _run("tar", [*command, *options, f"--exclude-from={context / 'excluded.txt'}", "."])


def _mirror() -> list[str]:
    """The mirror this machine takes its own Debian packages from; nothing means debootstrap's default."""
    if shutil.which("apt-get") is None:
        return []
    query = ["Created-By: Packages", "Origin: Debian", "Label: Debian", "Component: main"]
    result = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", *query],
        capture_output=True,
        text=True,
        check=False,
    )
    entries = [line.split() for line in result.stdout.splitlines()]
    return [uri for codename, uri in entries if "-" not in codename and uri.startswith("http")][:1]


def _run(name: str, command: list[str]) -> None:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            umask=0o022,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(f"{name}: no end after {_SECONDS} s") from error
    if result.returncode != 0:
        words = result.stdout.decode(errors="replace").strip().splitlines()[-4:]
        raise ToolchainError(f"{name} failed: " + " / ".join(words))
