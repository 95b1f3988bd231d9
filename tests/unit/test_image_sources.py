"""Where images come from: registries that do not answer, wheels that are not what was locked, files of a recipe."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from components.releases import MONITORING
from offline.images import catalog, recipe, wheels
from offline.images.kinds.dockerfile import Dockerfile
from platforms.docker import images
from platforms.docker.client import DockerError
from toolchain.images import registry
from toolchain.report import Report, ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def facts(proxy: str = "") -> images.EngineFacts:
    return images.EngineFacts("amd64", "/", "https://127.0.0.1:1/v1/", (), proxy)


@pytest.mark.parametrize(
    ("reference", "host"),
    [
        ("redis:7", None),
        ("library/redis:7", None),
        ("registry.example.com/redis@sha256:0", "registry.example.com"),
        ("localhost/redis", "localhost"),
        ("127.0.0.1:5000/redis:7", "127.0.0.1:5000"),
    ],
)
def test_the_registry_of_a_reference_is_known(reference: str, host: str | None) -> None:
    assert registry.host_of(reference) == host


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that neither takes nor refuses a connection: its queue is full."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)  # noqa: FBT003
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_registry_that_refuses_or_never_answers_is_given_up_within_the_probe_time_out_and_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "PROBE_SECONDS", 0.5)
    probed: list[str] = []
    unreachable = registry._unreachable

    def probe(address: str) -> str | None:
        probed.append(address)
        return unreachable(address)

    monkeypatch.setattr(registry, "_unreachable", probe)
    monkeypatch.setattr(registry.Registries, "_pull", lambda *_: pytest.fail("docker pull was tried"))
    with silent_port() as port:
        hosts = [f"127.0.0.1:{port}", "127.0.0.1:1"]
        registries = registry.Registries(facts(), engine_is_here=True)
        for host in hosts * 2:
            with pytest.raises(DockerError, match=rf"{host} cannot be reached"):
                registries.pull(f"{host}/redis:7", "redis", Report())
    assert probed == hosts


def test_behind_a_proxy_the_proxy_is_probed_and_for_a_distant_engine_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    probed: list[str] = []
    monkeypatch.setattr(registry, "_unreachable", probed.append)
    monkeypatch.setattr(registry.Registries, "_pull", lambda *_: None)
    behind_proxy = facts(proxy="http://proxy.example.com:3128")
    registry.Registries(behind_proxy, engine_is_here=True).pull("redis:7", "redis", Report())
    registry.Registries(facts(), engine_is_here=False).pull("redis:7", "redis", Report())
    assert probed == ["proxy.example.com:3128"]


def test_a_docker_pull_without_a_first_word_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexec sleep 300\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(registry, "FIRST_WORD_SECONDS", 0.2)
    registries = registry.Registries(facts(), engine_is_here=False)
    with pytest.raises(DockerError, match="did not answer docker pull"):
        registries.pull("127.0.0.1:1/redis:7", "redis", Report())


def a_wheel(folder: Path) -> str:
    """Makes a wheel in `folder`; returns its hash."""
    wheel = folder / "example_archive-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        info = "example_archive-1.0.dist-info"
        package.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: example-archive\nVersion: 1.0\n")
        package.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        package.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.mark.parametrize("corrupted", [False, True])
def test_a_wheel_with_another_hash_than_the_locked_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corrupted: bool
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    digest = a_wheel(tmp_path)
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"example-archive==1.0 --hash=sha256:{'0' * 64 if corrupted else digest}\n")
    target = tmp_path / "got"
    target.mkdir()
    if corrupted:
        with pytest.raises(ToolchainError, match="pip download failed"):
            wheels.download(lock, target)
        assert list(target.iterdir()) == []
    else:
        wheels.download(lock, target)
        assert [path.name for path in target.iterdir()] == ["example_archive-1.0-py3-none-any.whl"]


def test_files_of_a_recipe_are_readable_in_the_image_whatever_the_umask_of_the_checkout_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "images"
    (checkout / "redis").mkdir(parents=True)
    for name, mode in (("Dockerfile", 0o600), ("docker-entrypoint.sh", 0o700)):
        (checkout / "redis" / name).write_text(name)
        (checkout / "redis" / name).chmod(mode)
    monkeypatch.setattr(recipe, "FOLDER", checkout)
    recipe.Recipe("redis", "redis", "7.0", Dockerfile(), "Debian packages").copy_files(tmp_path / "context")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "context").iterdir()}
    assert modes == {"Dockerfile": 0o644, "docker-entrypoint.sh": 0o755}


def test_every_recipe_names_only_files_that_exist_and_no_address() -> None:
    recipes = [catalog.DEBIAN, *catalog._RECIPES.values()]
    assert {one.service for one in recipes} == {
        *("debian", "clickhouse", "minio", "redis", "postgres", "proxy", "relay", "litellm"),
        *MONITORING,
    }
    for one in recipes:
        files = list(recipe.recipe_files(recipe.FOLDER / one.folder))
        assert files
        for path in files:
            if path.suffix in {".lock", ".in", ".txt"}:
                assert "://" not in path.read_text()


def test_locked_hashes_are_complete() -> None:
    for lock in recipe.FOLDER.glob("*/requirements.lock"):
        requirements = [line for line in lock.read_text().replace("\\\n", " ").splitlines() if "==" in line]
        assert requirements
        for line in requirements:
            digest = line.rpartition("sha256:")[2].split()[0]
            assert len(base64.b16decode(digest.upper())) == 32
