"""Everything a run of the engine needs on this machine, got once: the engine beside Docker and the images."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolchain.docker import DockerEngine
    from toolchain.engine import Engine
    from toolchain.report import Report


def make_ready(on_docker: Callable[[Report], object] | None = None) -> tuple[Engine, DockerEngine]:
    """Get engine, plugins and Docker, saying what is got and from where.

    Args:
        on_docker: what is done once Docker answers, beside the engine.

    Raises:
        ToolchainError: one of them cannot be had.
    """
    from toolchain.docker import ensure_docker
    from toolchain.engine import ensure_engine, keep_no_debug_log
    from toolchain.plugins import ensure_plugins
    from toolchain.report import Report

    report = Report()

    def docker_and_more() -> DockerEngine:
        docker = ensure_docker(report)
        if on_docker:
            on_docker(report)
        return docker

    with ThreadPoolExecutor(max_workers=1) as beside:
        docker = beside.submit(docker_and_more)
        engine = ensure_engine(report)
        ensure_plugins(engine, report)
        keep_no_debug_log(engine.pulumi_home)
        return engine, docker.result()
