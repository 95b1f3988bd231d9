"""Servers that live for one rehearsal: as a running one is, with storage of their own that goes with them."""

import contextlib
import io
import json
import os
import secrets
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.session import OpsError

LABEL = "langfuse-stack.rehearsal"
"""On every container that a rehearsal makes, and on no other; its value is the container that it is like."""
SECONDS = 120


@dataclass(frozen=True)
class Copy:
    """A running container."""

    id: str
    name: str
    addresses: Mapping[int, str]
    """Port inside to `host:port` on this machine."""


@contextlib.contextmanager
def like(
    live: str,
    *,
    port: int,
    folders: Mapping[str, str],
    variables: Mapping[str, str],
    files: Mapping[str, str] | None = None,
) -> Iterator[Copy]:
    """A container like another: its image, environment and network, without its volumes; gone after the block.

    Args:
        live: container that it is like; it is only looked at.
        port: to publish on loopback.
        folders: of configuration to copy, each with the folder it goes into.
        variables: environment that finds Docker.
        files: content by path, put over what was copied.

    Raises:
        OpsError: Docker refuses.
    """
    [facts] = json.loads(_docker(variables, "inspect", live))
    [image] = json.loads(_docker(variables, "image", "inspect", facts["Image"]))
    inherited = set(image["Config"].get("Env") or [])
    env = dict(entry.split("=", 1) for entry in facts["Config"]["Env"] or [] if entry not in inherited)
    name = f"{live}-rehearsal-{secrets.token_hex(3)}"
    made = _docker(
        {**variables, **env},
        "create",
        f"--name={name}",
        f"--label={LABEL}={live}",
        f"--network={next(iter(facts['NetworkSettings']['Networks']))}",
        f"--publish=127.0.0.1::{port}",
        *(f"--env={key}" for key in env),  # values go by way of the environment
        facts["Image"],
        *(facts["Config"].get("Cmd") or []),
    ).strip()
    try:
        for source, target in folders.items():
            archive = _raw(variables, b"", "cp", f"{live}:{source}", "-")
            _raw(variables, archive, "cp", "-", f"{made}:{target}")
        if files:
            _raw(variables, _archive(files), "cp", "-", f"{made}:/")
        _docker(variables, "start", made)
        [running] = json.loads(_docker(variables, "inspect", made))
        bound = running["NetworkSettings"]["Ports"][f"{port}/tcp"][0]
        yield Copy(made, name, {port: f"127.0.0.1:{bound['HostPort']}"})
    finally:
        _remove(made, variables)


def leftovers(live: str, variables: Mapping[str, str]) -> list[str]:
    """Remove what killed rehearsals of the same container left; returns the names. No other rehearsal may run.

    Raises:
        OpsError: Docker refuses.
    """
    found = _docker(
        variables, "ps", "--all", "--no-trunc", "--filter", f"label={LABEL}={live}", "--format", "{{.ID}} {{.Names}}"
    )
    pairs = [line.split() for line in found.splitlines()]
    for made, _ in pairs:
        _remove(made, variables)
    return [name for _, name in pairs]


def _remove(made: str, variables: Mapping[str, str]) -> None:
    """Remove a container with its own storage, if a rehearsal made it and it holds no volume with a name."""
    [facts] = json.loads(_docker(variables, "inspect", made))
    kept = [mount.get("Name") for mount in facts["Mounts"] if mount["Type"] != "volume" or not _anonymous(mount)]
    if LABEL not in (facts["Config"]["Labels"] or {}) or kept:
        raise OpsError(f"{facts['Name'].lstrip('/')} was not made by a rehearsal, or holds {kept}: it is left alone")
    _docker(variables, "rm", "--force", "--volumes", made)


def _anonymous(mount: Mapping[str, Any]) -> bool:
    name = str(mount.get("Name"))
    return len(name) == 64 and set(name) <= set("0123456789abcdef")  # noqa: PLR2004 - as Docker names them


def _archive(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content.encode()), 0o644
            archive.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


def _docker(variables: Mapping[str, str], *argv: str) -> str:
    return _raw(variables, b"", *argv).decode()


def _raw(variables: Mapping[str, str], stdin: bytes, *argv: str) -> bytes:
    try:
        done = subprocess.run(
            ["docker", *argv],
            input=stdin,
            env={**os.environ, **variables},
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise OpsError(f"docker {argv[0]}: {error}") from None
    if done.returncode:
        raise OpsError(f"docker {argv[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
