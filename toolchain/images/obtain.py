"""Gets images: from this machine, else from their registry; built where no registry answers."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platforms.docker import images
from platforms.docker.client import DockerError
from toolchain.docker import current_host
from toolchain.images.registry import NoSuchImageError, Registries
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platforms.docker.images import LocalImage
    from toolchain.report import Report

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
    engine = images.facts()
    registries = Registries(engine, engine_is_here=current_host().startswith(_LOCAL))
    with ThreadPoolExecutor(len(references)) as pool:
        tries = {
            service: pool.submit(_find_or_pull, service, _pinned(reference, digest), registries, report)
            for service, reference in references.items()
            for digest in [(digests or {}).get(service)]
        }
    obtained = {service: done.result() for service, done in tries.items() if done.exception() is None}
    refused = {service: _expected(done) for service, done in tries.items() if service not in obtained}
    if not refused:
        return obtained
    from offline.images.builder import build_all  # only where a registry did not give one

    absent = {service for service, error in refused.items() if isinstance(error, NoSuchImageError)}
    built, failures = build_all({service: references[service] for service in refused}, absent, engine, report)
    if failures:
        raise ToolchainError(
            "\n".join(
                f"{service}: {references[service]} is not on this machine, cannot be pulled: {refused[service]}; "
                f"and cannot be built: {why}. Set {service}:image to an image that can be had "
                f"(pulumi config set {service}:image REFERENCE), or load one with docker load."
                for service, why in failures.items()
            )
        )
    return obtained | built


def part_of(service: str) -> str:
    """The name under which a service is reported; short enough for the report's first column."""
    return service.removeprefix("langfuse-").removesuffix("-exporter")


def _find_or_pull(service: str, reference: str, registries: Registries, report: Report) -> Obtained:
    found = images.find(reference)
    if found:
        return Obtained(found, "on this machine", _digest(found, reference))
    registries.pull(reference, part_of(service), report)
    pulled = images.find(reference)
    if pulled is None:
        raise DockerError("it was pulled and is not there")
    return Obtained(pulled, "pulled", _digest(pulled, reference))


def _expected(done: Future[Obtained]) -> ToolchainError | DockerError:
    error = done.exception()
    if isinstance(error, ToolchainError | DockerError):
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
