"""What every component is given: one stack's settings, files, secrets and platform."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.releases import Image
from components.secrets import StackSecrets
from platforms.spec import Platform, VolumeSpec
from settings import Files, Settings, Vault


@dataclass(frozen=True)
class Context:
    """One stack: its settings and the files they name, its secrets, and where it runs."""

    settings: Settings
    files: Files
    secrets: StackSecrets
    platform: Platform

    @property
    def vault(self) -> Vault:
        """Empty for a stack that generates all of its secrets."""
        return self.files.vault

    @property
    def images(self) -> Mapping[str, Image]:
        """Service to resolved image."""
        return self.files.images

    @property
    def running(self) -> bool:
        """False while the stack is stopped, which proves nothing and keeps all data."""
        return self.settings.stack.running

    @property
    def metrics(self) -> bool:
        """Whether services give metrics to Prometheus."""
        return self.settings.monitoring.enabled

    @property
    def langfuse_url(self) -> str:
        """Where people and SDKs reach Langfuse."""
        return self.vault.langfuse_url(self.settings)

    def volume(self, store: str, size_gb: int) -> VolumeSpec:
        """The volume of a store."""
        return VolumeSpec(self.settings.volume(store), size_gb)
