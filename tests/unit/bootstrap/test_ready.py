"""What a bare machine needs is got side by side."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from toolchain.ready import make_ready
from toolchain.report import ToolchainError

SECONDS = 20


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once the engine is asked for; it is there only after Docker and the images are."""
    asked, images = threading.Event(), threading.Event()

    def ensure(_report: Any) -> Any:
        asked.set()
        assert images.wait(SECONDS)
        return SimpleNamespace(pulumi_home="home")

    asked.images = images  # type: ignore[attr-defined]
    monkeypatch.setattr("toolchain.engine.ensure_engine", ensure)
    monkeypatch.setattr("toolchain.engine.keep_no_debug_log", lambda _: None)
    monkeypatch.setattr("toolchain.plugins.ensure_plugins", lambda *_: None)
    monkeypatch.setattr("toolchain.docker.ensure_docker", lambda _: "Docker")
    return asked


def test_images_are_got_while_the_engine_is(engine: Any) -> None:
    def images(_report: Any) -> None:
        assert engine.wait(SECONDS)
        engine.images.set()

    assert str(make_ready(images)[1]) == "Docker"


def test_an_image_that_cannot_be_had_ends_the_run(engine: Any) -> None:
    def images(_report: Any) -> None:
        engine.images.set()
        raise ToolchainError("minio cannot be built")

    with pytest.raises(ToolchainError, match="minio cannot be built"):
        make_ready(images)
