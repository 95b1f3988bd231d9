"""Everything a run of the engine needs on this machine, got once and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolchain.docker import DockerEngine
    from toolchain.engine import Engine


def make_ready() -> tuple[Engine, DockerEngine]:
    """Get engine, plugins and Docker, saying what is got and from where.

    Raises:
        ToolchainError: one of them cannot be had.
    """
    from toolchain.docker import ensure_docker
    from toolchain.engine import ensure_engine, keep_no_debug_log
    from toolchain.plugins import ensure_plugins
    from toolchain.report import Report

    report = Report()
    engine = ensure_engine(report)
    ensure_plugins(engine, report)
    keep_no_debug_log(engine.pulumi_home)
    return engine, ensure_docker(report)
