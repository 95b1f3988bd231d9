"""Gets images: from this machine, else from their registry, else built from packages."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.docker import current_host
from toolchain.images import builder, client
from toolchain.images.catalog import recipe_for
from toolchain.images.registry import NoSuchImageError, Registries
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from toolchain.images.client import EngineFacts, LocalImage
    from toolchain.images.recipe import Recipe
    from toolchain.report import Report

_AT_ONCE = 3
_LOCAL = ("unix://", "npipe://")


@dataclass(frozen=True)
class Obtained:
    """An image that is on the machine now, and how it came there."""

    image: LocalImage
    source: str
    digest: str | None = None
    stand_in: bool = False


def obtain(
    references: Mapping[str, str], report: Report, digests: Mapping[str, str] | None = None
) -> dict[str, Obtained]:
    """The image of every service, for the references that were asked for.

    Args:
        references: Service to reference.
        report: Told about what is pulled or built.
        digests: Service to the digest by which it is looked for and pulled.

    Raises:
        ToolchainError: some can neither be pulled nor built; names each, why, and the setting that helps.
    """
    if not references:
        return {}
    engine = client.facts()
    registries = Registries(engine, engine_is_here=current_host().startswith(_LOCAL))
    with ThreadPoolExecutor(len(references)) as pool:
        tries = {
            service: pool.submit(_find_or_pull, service, _pinned(reference, digest), registries, report)
            for service, reference in references.items()
            for digest in [(digests or {}).get(service)]
        }
    obtained = {service: done.result() for service, done in tries.items() if done.exception() is None}
    refused = {service: _expected(done) for service, done in tries.items() if service not in obtained}
    refusals = {service: str(error) for service, error in refused.items()}
    absent = {service for service, error in refused.items() if isinstance(error, NoSuchImageError)}
    workshop = _Workshop(engine, report, absent)
    workshop.build({service: references[service] for service in refusals})
    if workshop.failures:
        raise ToolchainError(
            "\n".join(
                f"{service}: {references[service]} is not on this machine, cannot be pulled: {refusals[service]}; "
                f"and cannot be built: {why}. Set {service}:image to an image that can be had "
                f"(pulumi config set {service}:image REFERENCE), or load one with docker load."
                for service, why in workshop.failures.items()
            )
        )
    return obtained | workshop.built


def _find_or_pull(service: str, reference: str, registries: Registries, report: Report) -> Obtained:
    found = client.find(reference)
    if found:
        return Obtained(found, "on this machine", _digest(found, reference))
    registries.pull(reference, builder.part_of(service), report)
    pulled = client.find(reference)
    if pulled is None:
        raise client.DockerCommandError("it was pulled and is not there")
    return Obtained(pulled, "pulled", _digest(pulled, reference))


class _Workshop:
    """Builds the images of several services at once and keeps what came of it.

    Args:
        engine: that builds.
        report: told what is built.
        absent: services whose image does not exist, as its registry says: nothing stands in for it.
    """

    def __init__(self, engine: EngineFacts, report: Report, absent: AbstractSet[str]) -> None:
        self.built: dict[str, Obtained] = {}
        self.failures: dict[str, str] = {}
        self._engine = engine
        self._report = report
        self._absent = absent
        self._stop = threading.Event()

    def build(self, references: Mapping[str, str]) -> None:
        """Builds all; recipes that share a base stand in one line behind it."""
        lines: dict[str, list[Recipe]] = {}
        for service, reference in references.items():
            try:
                recipe = recipe_for(service, reference)
            except ToolchainError as error:
                self.failures[service] = str(error)
                continue
            if recipe.stand_in and service in self._absent:
                self.failures[service] = "there is no such version of Langfuse (langfuse:version)"
            else:
                lines.setdefault(recipe.base.service if recipe.base else service, []).append(recipe)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for done in [pool.submit(self._work, line) for line in lines.values()]:
                    done.result()
            except BaseException:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _work(self, line: Iterable[Recipe]) -> None:
        for recipe in line:
            if self._stop.is_set():
                return
            try:
                image = builder.ensure_built(recipe, self._engine, self._report)
            except ToolchainError as error:
                self.failures[recipe.service] = str(error)
            else:
                source = recipe.source if recipe.stand_in else f"built from packages: {recipe.source}"
                self.built[recipe.service] = Obtained(image, source, stand_in=recipe.stand_in)


def _expected(done: Future[Obtained]) -> ToolchainError:
    error = done.exception()
    if isinstance(error, ToolchainError):
        return error
    raise error or RuntimeError("a finished try has neither a result nor an error")


def _pinned(reference: str, digest: str | None) -> str:
    return f"{_repository(reference)}@{digest}" if digest else reference


def _repository(reference: str) -> str:
    name = reference.partition("@")[0]
    return name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name


def _digest(image: LocalImage, reference: str) -> str | None:
    """The registry's digest under the reference's own name, or any, or none for an image that was never pulled."""
    candidates = dict(digest.split("@", 1) for digest in image.digests if "@" in digest)
    return candidates.get(_repository(reference)) or next(iter(candidates.values()), None)
