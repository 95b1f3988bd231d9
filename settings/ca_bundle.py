"""The file of `langfuse-stack:caBundle`: certificates of authorities beside the public ones."""

import ssl
from pathlib import Path

from settings.loading import SettingsError

PROJECT = Path(__file__).resolve().parent.parent
KEY = "langfuse-stack:caBundle"
MAX_BYTES = 1 << 20


def ca_bundle(stated: Path | None) -> str:
    """Its text; empty where none is named.

    Raises:
        SettingsError: it is missing, is no bundle of certificates, or holds a private key.
    """
    if stated is None:
        return ""
    path = PROJECT / stated
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8", "replace")
    except OSError as error:
        raise SettingsError(f"{KEY}: {path}: {error.strerror}: name an existing file, or remove the setting") from None
    if "PRIVATE KEY" in text:
        raise SettingsError(f"{KEY}: {path} holds a private key: it may hold certificates only")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise SettingsError(
            f"{KEY}: {path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----), or a damaged one"
        ) from None
    return text
