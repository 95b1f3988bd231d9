"""Images that are static Go programs on nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from offline.golang import ensure_go
from offline.images.kinds.dockerfile import Dockerfile
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

    from offline.images.recipe import Job

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


class GoPrograms(Dockerfile):
    """Builds the tools that the recipe's `go.mod` names into `bin/`; `root/` gets the /tmp they need."""

    def __init__(self, linker_flags: str) -> None:
        """Args: linker_flags: what `-ldflags` gets."""
        self.linker_flags = linker_flags

    def prepare(self, job: Job, context: Path) -> None:
        """Fetches the modules and builds the programs.

        Raises:
            ToolchainError: the engine has another architecture than this machine, or the build failed.
        """
        machine = os.uname().machine
        if machine != _MACHINES.get(job.architecture):
            raise ToolchainError(f"it is built on this machine ({machine}) and the engine is {job.architecture}")
        go = ensure_go(job.report)
        (context / "bin").mkdir()
        scratch = context / "root" / "tmp"
        scratch.mkdir(parents=True)
        scratch.chmod(0o1777)
        go.run(
            *("build", "-mod=readonly", "-modcacherw", "-trimpath", "-ldflags", self.linker_flags),
            *("-o", f"{context / 'bin'}/", "tool"),
            cwd=context,
        )
