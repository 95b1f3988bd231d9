"""Builds a recipe's image once: artefacts are cached, killed builds are resumed, two at once wait for each other."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.images import client
from toolchain.images.recipe import Job
from toolchain.paths import cache_dir, locked, staged
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from toolchain.images.client import EngineFacts
    from toolchain.images.recipe import Recipe
    from toolchain.report import Report

NEEDED_BYTES = 5 * 1024**3


def ensure_built(recipe: Recipe, engine: EngineFacts, report: Report) -> client.LocalImage:
    """The image of `recipe`: found by its tag, else built (after its base).

    Raises:
        ToolchainError: disk nearly full, or a step of the build failed.
    """
    tag = recipe.tag(engine.architecture)
    found = client.find(tag)
    if found:
        return found
    base = ""
    if recipe.base:
        ensure_built(recipe.base, engine, report)
        base = recipe.base.tag(engine.architecture)
    with locked(cache_dir() / "locks" / f"image-{recipe.folder}", f"the image {recipe.folder}"):
        found = client.find(tag)
        if found:
            return found
        refuse_full_disk(engine)
        _build(Job(recipe, tag, engine.architecture, base, report))
    found = client.find(tag)
    if found is None:
        raise ToolchainError(f"{tag} was removed while it was being built: run the same command again")
    return found


def refuse_full_disk(engine: EngineFacts) -> None:
    """Raises ToolchainError when an image may not fit beside the cache or the engine's data."""
    places = {"LANGFUSE_STACK_CACHE": cache_dir(), "the engine's data-root": Path(engine.root)}
    for setting, place in places.items():
        if not place.exists():  # the engine runs elsewhere
            continue
        free = shutil.disk_usage(place).free
        if free < NEEDED_BYTES:
            raise ToolchainError(
                f"{place} has {free / 1024**3:.1f} GB free, images need {NEEDED_BYTES / 1024**3:.0f} GB: "
                f"make room (docker image prune), or move it ({setting})"
            )


def part_of(service: str) -> str:
    """The name under which a service is reported; short enough for the report's first column."""
    return service.removeprefix("langfuse-").removesuffix("-exporter")


def _build(job: Job) -> None:
    recipe, part = job.recipe, part_of(job.recipe.service)
    started = time.monotonic()
    context = cache_dir() / "images" / recipe.folder / recipe.artefacts_key(job.architecture)
    with job.report.working(part, f"building from {recipe.source}"):
        if not context.exists():
            with staged(context) as unfinished:
                recipe.copy_files(unfinished)
                recipe.kind.prepare(job, unfinished)
        recipe.kind.finish(job, context)
    for sibling in context.parent.iterdir():
        if sibling != context:
            shutil.rmtree(sibling, ignore_errors=True)
    job.report.done(part, f"built from {recipe.source}", time.monotonic() - started)
