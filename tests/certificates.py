"""An authority of a test's own, and the certificate of a server that it signed."""

import subprocess
from pathlib import Path

NEW = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")


def certify(folder: Path, *names: str) -> None:
    """Write `ca.pem`, `server.pem` and `server.key` into a new folder that containers can read.

    Args:
        folder: to make.
        names: that the server has, such as `IP:127.0.0.1`.
    """
    folder.mkdir()
    folder.chmod(0o755)
    ca, key = folder / "ca.pem", folder / "ca.key"
    _run("-keyout", key, "-out", ca, "-subj", "/CN=an authority of its own")
    named = ("-addext", f"subjectAltName={','.join(names)}", "-addext", "basicConstraints=critical,CA:FALSE")
    written = ("-keyout", folder / "server.key", "-out", folder / "server.pem")
    _run("-CA", ca, "-CAkey", key, "-subj", "/CN=server", *named, *written)
    (folder / "server.key").chmod(0o644)


def _run(*arguments: str | Path) -> None:
    subprocess.run([*NEW, *arguments], check=True, capture_output=True)
