"""Where browsers and SDKs reach media and exports, and what is said when the settings leave them unreachable.

Pages of Langfuse show pictures from `https://…` and `http://localhost:<port>`, and from nowhere else.
"""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from settings.model import Settings

MEDIA = "media"
"""Service with the one public address of a private store: it passes signed links to media and exports."""


def media_is_public(settings: "Settings") -> bool:
    """Whether the platform gives media an address on the internet."""
    return settings.s3.place == "managed" and settings.app_url(MEDIA) is not None


def media_url(settings: "Settings") -> str | None:
    """Where browsers and SDKs reach media and exports; None where the store is private."""
    if settings.minio.public_url:
        return settings.minio.public_url.rstrip("/")
    if settings.s3.place == "external":
        return settings.s3.url
    if settings.platform.published:
        return f"http://localhost:{settings.minio.api_port}"
    return settings.app_url(MEDIA)


def media_warning(settings: "Settings", langfuse_url: str) -> str | None:
    """Why media and exports will not reach everybody who reaches Langfuse; None when they will.

    Args:
        settings: all of them.
        langfuse_url: where people reach Langfuse.
    """
    url = media_url(settings)
    own = "set minio:publicUrl to an https:// address that leads to the store"
    if url is None:
        add = f"`pulumi config set --path 'fly:public[{len(settings.fly.public)}]' {MEDIA}`"
        return (
            "the store is private: pictures do not show in Langfuse, SDKs outside of the private network cannot upload "
            f"them, and exports cannot be downloaded. Give media a public address ({add}), or {own}"
        )
    if urlsplit(url).scheme == "https":
        return None
    if urlsplit(url).hostname != "localhost":
        setting = "minio:publicUrl" if settings.minio.public_url else "s3:endpoint"
        return (
            f"{setting} {url} is neither https:// nor http://localhost, and Langfuse's pages show pictures "
            f"from nowhere else: {own}"
        )
    if urlsplit(langfuse_url).hostname not in ("localhost", "127.0.0.1", "::1"):
        return f"people reach Langfuse at {langfuse_url}, but media and exports only on this machine, at {url}: {own}"
    return None
