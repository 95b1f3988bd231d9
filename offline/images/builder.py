"""Builds a recipe's image once: artefacts are cached, killed builds are resumed, two at once wait for each other."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from offline.images.catalog import recipe_for
from offline.images.recipe import Job
from platforms.docker import images
from platforms.docker.client import DockerError
from toolchain.images.obtain import Obtained, part_of
from toolchain.paths import cache_dir, locked, staged
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from offline.images.recipe import Recipe
    from platforms.docker.images import EngineFacts
    from toolchain.report import Report

NEEDED_BYTES = 5 * 1024**3
_AT_ONCE = 3


def build_all(
    references: Mapping[str, str], absent: AbstractSet[str], engine: EngineFacts, report: Report
) -> tuple[dict[str, Obtained], dict[str, str]]:
    """Builds the images of several services at once.

    Args:
        references: Service to the reference that was asked for.
        absent: Services whose image does not exist, as its registry says: nothing stands in for it.
        engine: It builds.
        report: Told what is built.

    Returns:
        What was built, and for the other services why it could not be.
    """
    built: dict[str, Obtained] = {}
    lines, failures = _lines(references, absent)
    interrupted = threading.Event()

    def work(line: Iterable[Recipe]) -> None:
        for recipe in line:
            if interrupted.is_set():
                return
            try:
                image = ensure_built(recipe, engine, report)
            except (ToolchainError, DockerError) as error:
                failures[recipe.service] = str(error)
            else:
                source = recipe.source if recipe.stand_in else f"built from packages: {recipe.source}"
                built[recipe.service] = Obtained(image, source, stand_in=recipe.stand_in)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for done in [pool.submit(work, line) for line in lines]:
                done.result()
        except BaseException:
            interrupted.set()
            pool.shutdown(cancel_futures=True)
            raise
    return built, failures


def _lines(references: Mapping[str, str], absent: AbstractSet[str]) -> tuple[list[list[Recipe]], dict[str, str]]:
    """The recipes, those that share a base in one line behind it; and the services that have none."""
    lines: dict[str, list[Recipe]] = {}
    failures: dict[str, str] = {}
    for service, reference in references.items():
        try:
            recipe = recipe_for(service, reference)
        except ToolchainError as error:
            failures[service] = str(error)
            continue
        if recipe.stand_in and service in absent:
            failures[service] = "there is no such version of Langfuse (langfuse:version)"
        else:
            lines.setdefault(recipe.base.service if recipe.base else service, []).append(recipe)
    return list(lines.values()), failures


def ensure_built(recipe: Recipe, engine: EngineFacts, report: Report) -> images.LocalImage:
    """The image of `recipe`: found by its tag, else built (after its base).

    Raises:
        ToolchainError: disk nearly full, or a step of the build failed.
    """
    tag = recipe.tag(engine.architecture)
    found = images.find(tag)
    if found:
        return found
    base = ""
    if recipe.base:
        ensure_built(recipe.base, engine, report)
        base = recipe.base.tag(engine.architecture)
    with locked(cache_dir() / "locks" / f"image-{recipe.folder}", f"the image {recipe.folder}"):
        found = images.find(tag)
        if found:
            return found
        refuse_full_disk(engine)
        _build(Job(recipe, tag, engine.architecture, base, report))
    found = images.find(tag)
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
