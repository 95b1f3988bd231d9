"""The operator's own `litellm.config.yaml`, wherever the settings have it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from settings.loading import SettingsError

PROJECT = Path(__file__).resolve().parent.parent
MAX_BYTES = 1 << 20
KEY = "gateway:config"


def gateway_config(stated: Path | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The parsed file, or what the settings have in its place; empty for none.

    Raises:
        SettingsError: the file is missing, is too large or is no YAML mapping.
    """
    if not isinstance(stated, Path):
        return stated or {}
    path = PROJECT / stated
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{KEY}: {path}: {error.strerror}: name an existing file, or remove the setting") from None
    if len(content) > MAX_BYTES:
        raise SettingsError(f"{KEY}: {path} is larger than {MAX_BYTES} bytes: is it the right file?")
    try:
        document = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{KEY}: {path} is not YAML{place}") from None
    if document is not None and not isinstance(document, dict):
        raise SettingsError(f"{KEY}: {path} must be a mapping, as LiteLLM's own configuration is")
    return document or {}
