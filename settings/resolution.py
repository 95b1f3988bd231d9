"""The answer of image resolution, which runs before the program and leaves a file."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from components.releases import Image
from settings.loading import SettingsError
from settings.model import Settings

IMAGES_FILE_VARIABLE = "LANGFUSE_STACK_IMAGES"


def images(settings: Settings, environment: Mapping[str, str] = os.environ) -> dict[str, Image]:
    """The images that image resolution found for these settings.

    Args:
        settings: which references are wanted.
        environment: where the resolution file is named.

    Raises:
        SettingsError: nothing was resolved yet, or not for the references that are set now.
    """
    path = environment.get(IMAGES_FILE_VARIABLE)
    fix = "run `make images`, and use the environment that `make shell` prints"
    if not path:
        raise SettingsError(
            f"{IMAGES_FILE_VARIABLE} is not set, so it is unknown which images are on this machine: {fix}"
        )
    try:
        resolved = json.loads(Path(path).read_text(encoding="utf-8"))
        found = {service: Image(**entry) for service, entry in resolved.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SettingsError(f"{IMAGES_FILE_VARIABLE}={path} cannot be read ({error}): {fix}") from error
    wanted = settings.image_references
    stale = [
        f"{service} ({reference})"
        for service, reference in wanted.items()
        if service not in found or found[service].reference != reference
    ]
    if stale:
        raise SettingsError(f"no image resolved for {', '.join(stale)}: {fix}")
    return {service: found[service] for service in wanted}
