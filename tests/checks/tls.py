"""A certificate authority of a test's own, and a server on this machine whose certificate is from there."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.checks.local_server import Answer, Routes, serving


@dataclass(frozen=True)
class Authority:
    """What signs, and the file that others believe it by."""

    signer: trustme.CA
    certificate: Path

    def context(self, *names: str) -> ssl.SSLContext:
        """For a server of these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.signer.issue_cert(*names).configure_cert(context)
        return context


def authority(folder: Path) -> Authority:
    """A new one, whose certificate is in `folder`."""
    signer = trustme.CA()
    certificate = folder / "own-ca.pem"
    signer.cert_pem.write_to_path(str(certificate))
    return Authority(signer, certificate)


EVERYTHING: Routes = {"*": Answer(body={"ok": True})}


@contextmanager
def serving_tls(own: Authority, routes: Routes = EVERYTHING, *names: str, host: str = "127.0.0.1") -> Iterator[str]:
    """URL of an https server that answers by `routes`, by default everything with 200."""
    with serving(routes, host=host, tls=own.context("localhost", *names)) as url:
        yield url.replace(host, "localhost")
