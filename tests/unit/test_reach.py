"""The look from inside a container at addresses, whatever tools its image has."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.recorder import ROOT

SCRIPT = ROOT / "platforms" / "scripts" / "reach.sh"
WITHOUT_Z = ROOT / "tests" / "standin" / "image" / "bin" / "nc"
WITH_Z = """#!/bin/bash
[ "$1" = -z ] || exit 1
[ $# -gt 1 ] || { echo "usage: nc [-z] host port" >&2; exit 1; }
exec bash -c ": </dev/tcp/$4/$5"
"""
TOOLS = ("sh", "bash", "timeout", "grep", "cat", "cut", "tr", "getent")


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def tools(folder: Path, nc: str | None) -> Path:
    for name in TOOLS:
        (folder / name).symlink_to(str(shutil.which(name)))
    if nc:
        (folder / "nc").write_text(nc)
        (folder / "nc").chmod(0o755)
    return folder


@pytest.mark.parametrize("nc", [None, WITH_Z, WITHOUT_Z.read_text()], ids=["no nc", "nc with -z", "nc without -z"])
def test_what_listens_is_reached_and_what_does_not_is_not(nc: str | None, listening: str, tmp_path: Path) -> None:
    path = {**os.environ, "PATH": str(tools(tmp_path, nc))}
    ran = subprocess.run(
        ["sh", str(SCRIPT), listening, "127.0.0.1:1"], env=path, capture_output=True, text=True, check=False
    )
    assert sorted(ran.stdout.splitlines()) == sorted([f"{listening} ok", "127.0.0.1:1 no connection"])
