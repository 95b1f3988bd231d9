"""The files that the settings name, read and checked before anything is declared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.releases import Image
from settings.ca_bundle import ca_bundle
from settings.gateway_config import gateway_config
from settings.model import Settings
from settings.resolution import images
from settings.vault import Vault, vault_of


@dataclass(frozen=True)
class Files:
    """Their content."""

    vault: Vault
    """Empty for a stack that generates all of its secrets."""
    authorities: str
    """Certificates, in PEM, that are believed beside the public ones; empty for none."""
    gateway_config: Mapping[str, Any]
    """The operator's own `litellm.config.yaml`; empty for none."""
    images: Mapping[str, Image]
    """Service to resolved image, named as the platform can get it."""


def read_files(settings: Settings) -> Files:
    """Read them all.

    Raises:
        SettingsError: one is missing or cannot be used.
    """
    vault, warning = vault_of(settings, dry_run=pulumi.runtime.is_dry_run())
    if warning:
        pulumi.log.warn(warning)
    found = images(settings)
    if settings.is_shared:
        found = {service: image.at_registry() for service, image in found.items()}
    return Files(vault, ca_bundle(settings.stack.ca_bundle), gateway_config(settings.gateway.config), found)
