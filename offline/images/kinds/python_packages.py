"""Images that are a set of locked Python packages on the base image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offline.images import wheels
from offline.images.kinds.dockerfile import Dockerfile

if TYPE_CHECKING:
    from pathlib import Path

    from offline.images.recipe import Job


class PythonPackages(Dockerfile):
    """`requirements.lock` is installed into `packages/` of the build context, which the Dockerfile copies."""

    def prepare(self, job: Job, context: Path) -> None:
        """Downloads and unpacks the packages."""
        wheels.install(context / "requirements.lock", context / "packages", job.architecture)
