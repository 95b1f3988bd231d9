"""The engine's resource plugins: the vendor's if the engine is the vendor's, else built from Go modules."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from toolchain import golang
from toolchain.download import DownloadError, require_reachable
from toolchain.engine import link_or_copy
from toolchain.passing import passed_on
from toolchain.paths import cache_dir, locked, staged

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain.engine import Engine
    from toolchain.report import Report

URL_SETTING = "LANGFUSE_STACK_PULUMI_PLUGINS_URL"
_VENDOR_URL = "https://get.pulumi.com/releases/plugins"
_DOWNLOAD_SECONDS = 600


def _program(name: str, version: str, *tags: str) -> golang.Program:
    return golang.Program(
        name=f"pulumi-resource-{name}",
        module=name,
        package=".",
        version_variable="main.version",
        version=version,
        tags=tags,
    )


# The versions are those of the Python packages, which ask the engine for exactly them.
PLUGINS = {
    "docker": _program("docker", "5.1.0", "no_compose"),
    "random": _program("random", "4.21.1"),
    "command": _program("command", "1.2.1"),
}


def ensure_plugins(engine: Engine, report: Report) -> None:
    """Put every plugin that the program needs into the engine's home.

    Raises:
        ToolchainError: One could not be had; says what was tried.
    """
    for name, program in PLUGINS.items():
        folder = engine.pulumi_home / "plugins" / f"resource-{name}-v{program.version}"
        if (folder / program.name).exists():
            continue
        with locked(cache_dir() / "locks" / f"plugin-{name}", f"the {name} plugin"):
            if (folder / program.name).exists():
                continue
            started = time.monotonic()
            source = "vendor release"
            if not (engine.is_vendors and _install_vendors(engine, name, program.version, report)):
                source = "built from Go modules"
                binary = golang.build(program, report)
                with staged(folder) as part:
                    link_or_copy(binary, part / program.name)
            report.done("plugin", f"{name} {program.version}, {source}", time.monotonic() - started)


def _install_vendors(engine: Engine, name: str, version: str, report: Report) -> bool:
    """Let the engine download a plugin; False when that fails, which is said."""
    url = os.environ.get(URL_SETTING) or _VENDOR_URL
    argv = [str(engine.bin_dir / "pulumi"), "plugin", "install", "resource", name, version, "--server", url]
    env = passed_on() | {"PULUMI_HOME": str(engine.pulumi_home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        require_reachable(url)
        with report.working("plugin", f"getting {name} {version} from {url}"):
            subprocess.run(argv, env=env, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS, check=True)
    except (DownloadError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        report.step("plugin", f"no vendor release of {name}: {said.strip().splitlines()[-1]}")
        return False
    return _is_complete(engine.pulumi_home, name, version)


def _is_complete(home: Path, name: str, version: str) -> bool:
    return (home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}").exists()
