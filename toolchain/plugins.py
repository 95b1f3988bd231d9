"""The engine's resource plugins: the vendor's if the engine is the vendor's and the vendor answers, else built."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from toolchain.download import DownloadError, require_reachable
from toolchain.engine import BUILT
from toolchain.passing import passed_on
from toolchain.paths import cache_dir, locked

if TYPE_CHECKING:
    from toolchain.engine import Engine
    from toolchain.report import Report

URL_SETTING = "LANGFUSE_STACK_PULUMI_PLUGINS_URL"
_VENDOR_URL = "https://get.pulumi.com/releases/plugins"
_DOWNLOAD_SECONDS = 600


# The versions are those of the Python packages, which ask the engine for exactly them.
PLUGINS = {"docker": "5.1.0", "random": "4.21.1", "command": "1.2.1"}


def ensure_plugins(engine: Engine, report: Report) -> None:
    """Put every plugin that the program needs into the engine's home.

    Raises:
        ToolchainError: One could not be had; says what was tried.
    """
    for name, version in PLUGINS.items():
        folder = engine.pulumi_home / "plugins" / f"resource-{name}-v{version}"
        program = folder / f"pulumi-resource-{name}"
        if program.exists():
            continue
        with locked(cache_dir() / "locks" / f"plugin-{name}", f"the {name} plugin"):
            if program.exists():
                continue
            started = time.monotonic()
            source = "vendor release"
            if not (engine.is_vendors and _install_vendors(engine, name, version, report) and program.exists()):
                from offline.engine import build_plugin

                source = BUILT
                build_plugin(name, version, folder, report)
            report.done("plugin", f"{name} {version}, {source}", time.monotonic() - started)


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
    return True
