"""The Pulumi engine: one that is on the PATH, else the vendor's release; built where the vendor does not answer."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.download import DownloadError, download
from toolchain.passing import passed_on
from toolchain.paths import cache_dir, locked, staged

if TYPE_CHECKING:
    from toolchain.report import Report

VERSION = "3.255.0"
_SUITABLE = re.compile(r"v?(3\.255\.\d+)$")  # what this program is tested with

URL_SETTING = "LANGFUSE_STACK_PULUMI_URL"
SHA256_SETTING = "LANGFUSE_STACK_PULUMI_SHA256"
KEEP_DEBUG_SETTING = "LANGFUSE_STACK_DEBUG"
_VENDOR_URL = "https://get.pulumi.com/releases/sdk"
_VENDOR_SHA256 = {
    "x64": "cf559568e2c32f7fae56ea3de8ae5fa48973ba8c5aa9dd2b3dc0c8898fe50dba",
    "arm64": "699fbc6ea848d997e9b3645487f108d27b1b55ec807c7576406131e6e080f0e3",
}
_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}

_LANGUAGE_HOST = "pulumi-language-python"
_SDK_SCRIPTS = ("pulumi-language-python-exec", "pulumi-resource-pulumi-python")
BUILT = "built from Go modules"
_VENDOR = "vendor release"


@dataclass(frozen=True)
class Engine:
    """A Pulumi engine that is ready to run Python programs.

    Attributes:
        bin_dir: The folder of `pulumi` and of its language host for Python.
        pulumi_home: The PULUMI_HOME for it: holds its plugins.
        version: Its version, such as "3.255.0".
        source: Where it came from: "on this machine (…)", "vendor release" or "built from Go modules".
    """

    bin_dir: Path
    pulumi_home: Path
    version: str
    source: str

    @property
    def is_vendors(self) -> bool:
        """Whether the vendor made it, so that the vendor's plugins belong to it."""
        return self.source != BUILT

    @property
    def is_there(self) -> bool:
        """Whether it has been got."""
        return (self.bin_dir / "pulumi").exists()


def ensure_engine(report: Report) -> Engine:
    """The engine to use; got now if there is none yet.

    Raises:
        ToolchainError: None could be had; says what was tried.
    """
    if engine := _on_path():
        report.step("engine", f"pulumi {engine.version} {engine.source}")
        return engine
    if engine := _got_before():
        return engine
    with locked(cache_dir() / "locks" / "engine", "the Pulumi engine"):
        if engine := _got_before():
            return engine
        started = time.monotonic()
        engine = in_cache("vendor", _VENDOR)
        try:
            _get_vendor_release(engine.bin_dir, report)
        except DownloadError as error:
            from offline.engine import build

            report.step("engine", f"no vendor release: {error}")
            engine = build(report)
        report.done("engine", f"pulumi {VERSION}, {engine.source}", time.monotonic() - started)
    return engine


def in_cache(key: str, source: str) -> Engine:
    """The engine that the cache has, or will have, under this key."""
    folder = cache_dir() / "engine" / f"{VERSION}-{key}"
    return Engine(folder / "bin", folder / "home", VERSION, source)


def keep_no_debug_log(home: Path) -> None:
    """Keep the engine from writing all that it handles into `home`/logs, unless LANGFUSE_STACK_DEBUG is set.

    That takes a tenth of its time. The engine has no setting for it, and goes on where the folder cannot be made.
    """
    logs = home / "logs"
    if KEEP_DEBUG_SETTING in os.environ:
        if logs.is_file():
            logs.unlink()
        return
    if logs.is_dir():
        shutil.rmtree(logs, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    logs.touch()


def _got_before() -> Engine | None:
    vendor = in_cache("vendor", _VENDOR)
    if vendor.is_there:
        return vendor
    if not any((cache_dir() / "engine").glob(f"{VERSION}-*/bin/pulumi")):
        return None
    from offline.engine import built  # the vendor did not answer when this was needed

    return built() if built().is_there else None


def _on_path() -> Engine | None:
    """The first suitable engine on the PATH that is not one of ours and has its own language host."""
    folders = [Path(entry) for entry in os.get_exec_path() if not Path(entry).is_relative_to(cache_dir())]
    path = os.pathsep.join(map(str, folders))
    for folder in folders:
        pulumi = folder / "pulumi"
        if not os.access(pulumi, os.X_OK) or not shutil.which(_LANGUAGE_HOST, path=f"{folder}{os.pathsep}{path}"):
            continue
        if version := _version(pulumi):
            home = cache_dir() / "engine" / f"{version}-path" / "home"
            return Engine(folder, home, version, f"on this machine ({pulumi})")
    return None


def _version(pulumi: Path) -> str | None:
    """The version of a `pulumi` that is tested with this program, else None."""
    try:
        ran = subprocess.run(
            [pulumi, "version"],
            env=passed_on() | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _SUITABLE.match(ran.stdout.strip())
    return found[1] if found else None


def _get_vendor_release(bin_dir: Path, report: Report) -> None:
    machine = platform.machine()
    arch = _ARCHITECTURES.get(machine)
    if arch is None:
        raise DownloadError(f"there is none for {machine}")
    base = os.environ.get(URL_SETTING) or _VENDOR_URL
    sha256 = os.environ.get(SHA256_SETTING) or _VENDOR_SHA256[arch]
    url = f"{base.rstrip('/')}/pulumi-v{VERSION}-linux-{arch}.tar.gz"
    with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
        archive = Path(folder) / "pulumi.tar.gz"
        with report.working("engine", f"getting {url}"):
            download(url, archive, sha256)
            with staged(bin_dir) as part:
                try:
                    _unpack(archive, part)
                except (OSError, EOFError, tarfile.TarError) as error:
                    raise DownloadError(f"it cannot be unpacked: {error}") from error
                if _version(part / "pulumi") is None:
                    raise DownloadError("it does not run on this machine")


def _unpack(archive: Path, folder: Path) -> None:
    """Take what Python programs need out of the vendor's archive, which is for all languages."""
    wanted = {"pulumi", _LANGUAGE_HOST, *_SDK_SCRIPTS}
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name).name
            content = tar.extractfile(member) if name in wanted and member.isfile() else None
            if content:
                with (folder / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                (folder / name).chmod(0o755)
    if missing := wanted - {path.name for path in folder.iterdir()}:
        raise DownloadError(f"it has no {', '.join(sorted(missing))}")
