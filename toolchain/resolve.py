"""Which image each service runs: asked by reference, answered by id, the same answer until it must change."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platforms.docker import images
from toolchain.images.facts import facts_of
from toolchain.images.obtain import obtain
from toolchain.paths import state_dir, write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platforms.docker.images import LocalImage
    from toolchain.images.lock import Locked
    from toolchain.images.obtain import Obtained
    from toolchain.report import Report


@dataclass(frozen=True)
class ResolvedImage:
    """What a service runs.

    Attributes:
        reference: What was asked for.
        image: Id of the image on this machine, which is what the container runs.
        digest: The registry's digest of it, None for an image that was built here.
        source: "on this machine", "pulled", "built from packages: …" or "stand-in, not Langfuse".
        version: Version of the software in it.
        stand_in: It takes the place of software that cannot be had here.
        ledgers: Highest ClickHouse migration and number of Postgres migrations that Langfuse's web image ships.
        migrations: Folder with the SQL of those migrations.
        clickhouse_floor: Oldest ClickHouse it runs on, where the image says so itself.
    """

    reference: str
    image: str
    digest: str | None
    source: str
    version: str
    stand_in: bool
    ledgers: dict[str, int] | None
    migrations: str | None
    clickhouse_floor: list[int] | None = None


Known = dict[str, dict[str, ResolvedImage]]
"""Service to reference to answer, the one that was asked for last at the end."""


def resolution_file() -> Path:
    """Where the answers are kept for the Pulumi program: `Known` as JSON."""
    return state_dir() / "images.json"


def resolve(
    references: Mapping[str, str],
    report: Report,
    *,
    locked: Mapping[str, Locked] | None = None,
    refresh: bool = False,
) -> dict[str, ResolvedImage]:
    """The image of every service, remembered in the resolution file under the reference that was asked for.

    An answer holds while its image is on the machine, is the locked one if any is locked and, if it was built here, its
    recipe is the same. So a service does not change its version because a registry comes or goes, or because another
    reference was tried in between.

    Args:
        references: Service to image reference.
        report: Told about what is pulled or built.
        locked: Service to what the stack's lock file says; a digest there is what is got from a registry.
        refresh: Ask again for all, as if nothing were remembered or locked.

    Raises:
        ToolchainError: an image can neither be found, pulled nor built.
    """
    digests = {} if refresh else _digests(references, locked or {})
    known = known_images()
    kept = {} if refresh else _still_right(known, references, digests)
    missing = {service: reference for service, reference in references.items() if service not in kept}
    obtained = obtain(missing, report, digests)
    fresh = {service: _described(service, references[service], what) for service, what in obtained.items()}
    resolved = {service: kept.get(service) or fresh[service] for service in references}
    for service, image in resolved.items():
        of_service = known.setdefault(service, {})
        of_service.pop(image.reference, None)
        of_service[image.reference] = image
    _remember(known)
    return resolved


def known_images() -> Known:
    """What the resolution file holds; nothing where it cannot be read."""
    try:
        content = json.loads(resolution_file().read_text())
        return {
            service: {reference: ResolvedImage(**fields) for reference, fields in _by_reference(answers).items()}
            for service, answers in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _by_reference(answers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answers for one service; former versions kept only the last one."""
    last = answers.get("reference")
    return {last: answers} if isinstance(last, str) else answers


def _remember(known: Known) -> None:
    content = {
        service: {reference: asdict(image) for reference, image in answers.items()}
        for service, answers in known.items()
    }
    write_private(resolution_file(), json.dumps(content, indent=2) + "\n")


def _digests(references: Mapping[str, str], locked: Mapping[str, Locked]) -> dict[str, str]:
    """Service to the digest that is locked for the reference that is asked for."""
    return {
        service: entry.digest
        for service, reference in references.items()
        if (entry := locked.get(service)) and entry.digest and entry.reference == reference
    }


def _still_right(known: Known, references: Mapping[str, str], digests: Mapping[str, str]) -> dict[str, ResolvedImage]:
    candidates = {
        service: answer
        for service, reference in references.items()
        if (answer := known.get(service, {}).get(reference)) and answer.digest == digests.get(service, answer.digest)
    }
    present = {image.id: image for image in images.inspect([entry.image for entry in candidates.values()])}
    return {
        service: entry
        for service, entry in candidates.items()
        if entry.image in present
        and (entry.migrations is None or Path(entry.migrations).is_dir())
        and _recipe_is_the_same(service, entry, present[entry.image])
    }


def _recipe_is_the_same(service: str, entry: ResolvedImage, image: LocalImage) -> bool:
    if not entry.stand_in and not entry.source.startswith("built"):
        return True
    from offline.images import catalog  # it was built, since no registry answered

    return catalog.recipe_for(service, entry.reference).tag(image.architecture) in image.tags


def _described(service: str, reference: str, obtained: Obtained) -> ResolvedImage:
    facts = facts_of(service, obtained.image.id, reference)
    return ResolvedImage(
        reference=reference,
        image=obtained.image.id,
        digest=obtained.digest,
        source=obtained.source,
        version=facts.version,
        stand_in=obtained.stand_in,
        ledgers=facts.ledgers,
        migrations=facts.migrations,
        clickhouse_floor=facts.clickhouse_floor,
    )
