"""A machine of its own for each test: empty cache and state, and only the tools that the test puts on the PATH."""

from __future__ import annotations

import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FAKES = Path(__file__).parent / "fakes"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Machine:
    """Where the tools of a test are."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: an empty one."""
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.cache = folder / "cache"
        self.state = folder / "state"
        self.builds = folder / "builds.log"
        shutil.copy(FAKES / "go", self.bin / "go")
        shutil.copy(FAKES / "pulumi", self.bin / "pulumi-to-build")

    def put_pulumi_on_path(self, *, with_language_host: bool = True) -> Path:
        """Give the machine an engine of its own."""
        folder = self.bin / "vendor"
        folder.mkdir()
        shutil.copy(FAKES / "pulumi", folder / "pulumi")
        if with_language_host:
            shutil.copy(FAKES / "pulumi", folder / "pulumi-language-python")
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
        return folder

    def built(self) -> list[str]:
        """The names of the programs that were built, in order."""
        return self.builds.read_text().split() if self.builds.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    for name in (*PROXIES, "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LANGFUSE_STACK_CACHE", str(made.cache))
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(made.state))
    monkeypatch.setenv("FAKE_GO_LOG", str(made.builds))
    monkeypatch.setenv("LANGFUSE_STACK_PASS_ON", "FAKE_PULUMI_*")
    # Nothing listens on port 9 of this machine: the vendor cannot be reached.
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_URL", "http://127.0.0.1:9/sdk")
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_PLUGINS_URL", "http://127.0.0.1:9/plugins")
    return made


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which this machine serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
