"""The only reader of configuration: every setting of the program and every value of the vault file, typed and frozen.

Unknown keys, wrong types and values out of range are all reported at once, each with the command that sets it right.
"""

from settings.backend import refused_backend
from settings.ca_bundle import ca_bundle
from settings.files import Files, read_files
from settings.gateway_config import gateway_config
from settings.gateway_database import NO_ENGINES, gateway_database
from settings.loading import SettingsError, from_engine, load
from settings.media import media_is_public, media_url, media_warning
from settings.model import Settings
from settings.resolution import IMAGES_FILE_VARIABLE, images, only_here, refused_by_fly
from settings.upgrading import refused_release
from settings.vault import Vault, VaultError, open_vault

__all__ = [
    "IMAGES_FILE_VARIABLE",
    "NO_ENGINES",
    "Files",
    "Settings",
    "SettingsError",
    "Vault",
    "VaultError",
    "ca_bundle",
    "from_engine",
    "gateway_config",
    "gateway_database",
    "images",
    "load",
    "media_is_public",
    "media_url",
    "media_warning",
    "only_here",
    "open_vault",
    "read_files",
    "refused_backend",
    "refused_by_fly",
    "refused_release",
]
