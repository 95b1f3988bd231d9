"""A vendor's file is the right one, or it is not used."""

from __future__ import annotations

import hashlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from toolchain import download as module
from toolchain.download import DownloadError, download

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.bootstrap.conftest import Machine

CONTENT = b"an archive"
SHA256 = hashlib.sha256(CONTENT).hexdigest()

pytestmark = pytest.mark.timeout(60)  # what cannot be had is given up within seconds


def test_a_file_with_the_right_checksum_is_written(machine: Machine, served: tuple[Path, str], tmp_path: Path) -> None:
    assert machine
    folder, address = served
    (folder / "file").write_bytes(CONTENT)

    download(f"{address}/file", tmp_path / "got", SHA256)

    assert (tmp_path / "got").read_bytes() == CONTENT


def test_a_file_with_another_checksum_is_refused(machine: Machine, served: tuple[Path, str], tmp_path: Path) -> None:
    assert machine
    folder, address = served
    (folder / "file").write_bytes(CONTENT + b"!")

    with pytest.raises(DownloadError, match="checksum is wrong"):
        download(f"{address}/file", tmp_path / "got", SHA256)


def test_a_missing_file_is_refused_with_the_servers_answer(
    machine: Machine, served: tuple[Path, str], tmp_path: Path
) -> None:
    assert machine

    with pytest.raises(DownloadError, match="404"):
        download(f"{served[1]}/absent", tmp_path / "got", SHA256)


def test_a_port_where_nobody_listens_is_given_up(machine: Machine, tmp_path: Path) -> None:
    assert machine

    with pytest.raises(DownloadError):
        download("http://127.0.0.1:9/file", tmp_path / "got", SHA256)


def test_a_server_that_never_answers_is_given_up(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machine
    monkeypatch.setattr(module, "_STALL_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(DownloadError):
        download(f"http://127.0.0.1:{mute.getsockname()[1]}/file", tmp_path / "got", SHA256)


def test_a_resolver_that_does_not_answer_is_given_up(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machine
    never = threading.Event()
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.2)

    def resolve(*_: object, **__: object) -> list[object]:
        never.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    with pytest.raises(DownloadError, match=r"vendor\.example\.com cannot be reached"):
        download("https://vendor.example.com/file", tmp_path / "got", SHA256)
    never.set()


@pytest.mark.parametrize("address", ["nonsense", "ftp://vendor.example.com/file", "http:///file"])
def test_what_is_no_web_address_is_named(machine: Machine, tmp_path: Path, address: str) -> None:
    assert machine

    with pytest.raises(DownloadError, match="is not a web address"):
        download(address, tmp_path / "got", SHA256)


def test_a_proxy_that_cannot_be_reached_is_named_instead_of_the_vendor(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machine
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")

    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 cannot be reached"):
        download("https://vendor.example.com/file", tmp_path / "got", SHA256)
