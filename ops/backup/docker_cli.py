"""Docker's command line, for what `ops.docker` does not need: it makes and removes containers of its own."""

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping

from ops.session import OpsError

SECONDS = 120


def archive(files: Mapping[str, str]) -> bytes:
    """Content by path, as what `docker cp` takes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content.encode()), 0o644
            tar.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


def docker(variables: Mapping[str, str], *argv: str, errors: int = subprocess.PIPE) -> str:
    """As `raw`, for what is text and takes none."""
    return raw(variables, b"", *argv, errors=errors).decode(errors="replace")


def raw(variables: Mapping[str, str], stdin: bytes, *argv: str, errors: int = subprocess.PIPE) -> bytes:
    """Standard output of `docker argv…`.

    Args:
        variables: environment that finds Docker, on top of this process's own.
        stdin: its input.
        argv: of the command.
        errors: where its complaints go, as `subprocess` has it.

    Raises:
        OpsError: it failed, with its own words.
    """
    try:
        done = subprocess.run(
            ["docker", *argv],
            input=stdin,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=errors,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise OpsError(f"docker {argv[0]}: {error}") from None
    if done.returncode:
        raise OpsError(f"docker {argv[0]}: {(done.stderr or b'').decode(errors='replace').strip()}")
    return done.stdout
