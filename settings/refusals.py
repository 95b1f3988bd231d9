"""What stops an update before anything is declared. A preview shows the same reasons as warnings."""

import datetime as dt
import os

import pulumi

from components.releases import end_of_support
from settings.backend import refused_backend
from settings.files import Files
from settings.gateway_database import NO_ENGINES
from settings.loading import SettingsError
from settings.media import media_warning
from settings.model import Settings
from settings.resolution import refused_by_fly
from settings.upgrading import refused_release

BACKEND_VARIABLE = "PULUMI_BACKEND_URL"


def check(settings: Settings, files: Files) -> None:
    """Stop an update that these settings rule out.

    Raises:
        SettingsError: it is an update; the message says how to make it possible.
    """
    dry_run = pulumi.runtime.is_dry_run()
    litellm = files.images["litellm"]
    reasons = (
        refused_backend(settings, os.environ.get(BACKEND_VARIABLE)),
        refused_by_fly(settings, files.images) if settings.is_shared else "",
        NO_ENGINES if settings.gateway.database and litellm.source.startswith("built from packages") else "",
        refused_release(settings),
    )
    for reason in filter(None, reasons):
        if not dry_run:
            raise SettingsError(reason)
        pulumi.log.warn(f"`up` would refuse this: {reason}")
    if dry_run:  # an update follows a preview, and need not repeat these
        today = dt.datetime.now(tz=dt.UTC).date()
        unreachable = media_warning(settings, files.vault.langfuse_url(settings))
        for warning in filter(None, (unreachable, end_of_support(settings.release, today))):
            pulumi.log.warn(warning)
