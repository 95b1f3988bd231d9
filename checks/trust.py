"""Whom gates and commands believe over TLS, and through which proxy they go out."""

import atexit
import os
import re
import ssl
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from urls import is_loopback

PROJECT = Path(__file__).resolve().parent.parent
SETTING = "langfuse-stack:caBundle"
VARIABLE = "SSL_CERT_FILE"
FURTHER_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""What other libraries and programs read in its place. Each replaces the public authorities, so the file has them."""
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)


def beside_public(own: str) -> str:
    """The certificates of `own`, after those of all public authorities."""
    import certifi

    return _certificates(Path(certifi.where()).read_text(encoding="ascii")) + _certificates(own)


@cache
def believe(bundle: str | Path) -> None:
    """Believe the authorities of a file too, from now on: in this process, and in whatever it starts.

    Args:
        bundle: its path, relative to the project's folder.
    """
    believed = Path(authorities()).read_text(encoding="utf-8")
    descriptor, name = tempfile.mkstemp(prefix="langfuse-stack-ca-", suffix=".pem")
    atexit.register(Path(name).unlink, missing_ok=True)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_certificates(believed) + _certificates((PROJECT / bundle).read_text(encoding="utf-8")))
    os.environ.update(dict.fromkeys((VARIABLE, *FURTHER_VARIABLES), name))


def way_out(url: str) -> Mapping[str, Any]:
    """Arguments of `httpx` for a request to `url`: the authorities, and the proxy of the operator's environment."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    direct = is_loopback(host) or proxy_bypass(host)
    proxy = None if direct else getproxies().get(parts.scheme)
    return {"verify": _context(authorities()), "proxy": proxy, "trust_env": False}


def authorities() -> str:
    """File of the authorities that this process believes."""
    import certifi

    return os.environ.get(VARIABLE) or certifi.where()


@cache
def _context(file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=file)


def _certificates(text: str) -> str:
    """The certificates of a bundle, without what people wrote between them."""
    return "".join(f"{found.strip()}\n" for found in CERTIFICATE.findall(text))
