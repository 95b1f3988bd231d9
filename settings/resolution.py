"""The answer of image resolution, which runs before the program and leaves a file."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.releases import MONITORING, Image
from settings.loading import SettingsError
from settings.model import Settings
from toolchain.paths import state_dir

IMAGES_FILE_VARIABLE = "LANGFUSE_STACK_IMAGES"
IMAGE_SETTINGS: Mapping[str, str] = {
    "litellm": "gateway:image",
    "langfuse-web": "langfuse:webImage",
    "langfuse-worker": "langfuse:workerImage",
    **{part: f"--path 'monitoring:images.{part}'" for part in MONITORING},
}
"""Setting that names a service's image, where it is not `<service>:image`."""


def images(settings: Settings, environment: Mapping[str, str] = os.environ) -> dict[str, Image]:
    """The images that image resolution found for these settings.

    Args:
        settings: which references are wanted.
        environment: where the resolution file is named; without, it is in the state folder.

    Raises:
        SettingsError: nothing was resolved yet, or not for the references that are set now.
    """
    path = Path(environment.get(IMAGES_FILE_VARIABLE) or state_dir() / "images.json")
    fix = "run `make images`"
    try:
        resolved = json.loads(path.read_text(encoding="utf-8"))
        wanted = settings.image_references
        found = {
            service: image_of(entry)
            for service, reference in wanted.items()
            if (entry := resolved.get(service, {}).get(reference)) is not None
        }
    except FileNotFoundError:
        raise SettingsError(f"it is unknown which images are on this machine ({path} is missing): {fix}") from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}): {fix}") from error
    stale = [f"{service} ({reference})" for service, reference in wanted.items() if service not in found]
    if stale:
        raise SettingsError(f"no image resolved for {', '.join(stale)}: {fix}")
    return found


def image_of(entry: Mapping[str, Any]) -> Image:
    """One image, as the resolution file has it."""
    image, floor = Image(**entry), entry.get("clickhouse_floor")
    return replace(image, clickhouse_floor=tuple(floor)) if floor else image


def only_here(settings: Settings, found: Mapping[str, Image]) -> dict[str, Image]:
    """Images that the stack runs and no registry serves: Fly's machines cannot get them from where they are.

    Args:
        settings: which services the stack runs itself.
        found: see `images`.
    """
    foreign = settings.external
    return {service: image for service, image in found.items() if service not in foreign and image.digest is None}


def refused_by_fly(settings: Settings, found: Mapping[str, Image]) -> str:
    """Why Fly cannot run these images, and the ways out; empty when it can.

    Args:
        settings: `fly:localImages` says what may be pushed.
        found: see `images`.
    """
    local = only_here(settings, found)
    allowed = settings.fly.local_images
    stand_ins = [service for service, image in local.items() if image.stand_in]
    if allowed == "rehearse" or not local or (allowed == "push" and not stand_ins):
        return ""
    if allowed == "push":
        return _with_ways_out(
            stand_ins,
            "the stand-in runs in the place of",
            "for a rehearsal without real data: `pulumi config set fly:localImages rehearse`",
        )
    return _with_ways_out(
        list(local),
        "Fly runs what a registry serves, and this machine alone has the image of",
        "or let the deployment push them to Fly: `pulumi config set fly:localImages push`",
    )


def _with_ways_out(services: Sequence[str], what: str, other: str) -> str:
    setting = IMAGE_SETTINGS.get(services[0], f"{services[0]}:image")
    return "\n".join(
        (
            what,
            f"    {', '.join(services)}:",
            "    - run `make images` where the registries answer",
            f"    - or name one that a registry serves: `pulumi config set {setting} REFERENCE`",
            f"    - {other}",
        )
    )
