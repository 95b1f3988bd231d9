"""Images made by the Dockerfile of their recipe, on a base image or on nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platforms.docker import images as client

if TYPE_CHECKING:
    from pathlib import Path

    from offline.images.recipe import Job


class Dockerfile:
    """A recipe whose files are all it takes; other kinds add what they gather in `prepare`."""

    def prepare(self, job: Job, context: Path) -> None:
        """Nothing to gather."""

    def finish(self, job: Job, context: Path) -> None:
        """`docker build`, with the recipe's version and its base image as build arguments VERSION and BASE."""
        arguments = {"VERSION": job.recipe.version}
        if job.base:
            arguments["BASE"] = job.base
        client.build(context, job.tag, arguments, job.recipe.target)
