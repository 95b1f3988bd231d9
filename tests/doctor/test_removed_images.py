"""Which image references the row `image-removed` is about."""

from dataclasses import replace

import pytest

from ops.doctor.access import Access, from_settings
from ops.doctor.row import Seen
from ops.doctor.rows.store import _registry
from platforms.docker.runtime import DockerRuntime
from settings import load

DIGEST = f"sha256:{'0' * 64}"


def seen(monkeypatch: pytest.MonkeyPatch, reference: str) -> Seen:
    monkeypatch.setattr(DockerRuntime, "instances", lambda _: {"minio": ["a container"]})
    access: Access = from_settings(load({}), lambda _: "secret", DockerRuntime("langfuse"))
    return _registry(replace(access, images={**access.images, "minio": reference}))


@pytest.mark.parametrize("registry", ["", "docker.io/", "index.docker.io/", "quay.io/"])
@pytest.mark.parametrize("name", ["minio/minio", "minio/mc"])
@pytest.mark.parametrize("version", ["", ":latest", f"@{DIGEST}", f":RELEASE.2025-01-20T14-49-07Z@{DIGEST}"])
def test_an_image_that_was_removed_is_seen_however_it_is_named(
    monkeypatch: pytest.MonkeyPatch, registry: str, name: str, version: str
) -> None:
    found = seen(monkeypatch, f"{registry}{name}{version}")
    assert not found.healthy
    assert f"{registry}{name}{version}" in found.evidence


@pytest.mark.parametrize(
    "reference",
    ["localhost:5000/minio/minio:1", "ghcr.io/mirror/minio/minio", "minio/minio-go:1", "minio/console", "minio:1"],
)
def test_another_image_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    assert seen(monkeypatch, reference).healthy


def test_the_usual_image_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(monkeypatch, load({}).image_references["minio"]).healthy
