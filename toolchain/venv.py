"""Stage zero: `python3 toolchain/venv.py [--lock FILE] ARGS…` runs ARGS with a Python that has every locked package.

Without --lock these are the program's own.

The environment is made once in the cache, per lock and Python version, and shared by all clones. Needs nothing but
the standard library.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_OLDEST = (3, 11)
_READY = ".ready"  # written last: an environment cannot be moved into place, its scripts know where they are


def require_python(version: tuple[int, ...]) -> None:
    """End with a clear message when this Python is too old for the program."""
    if version[:2] < _OLDEST:
        found = ".".join(map(str, version[:3]))
        sys.exit(
            f"error: Python {found} is too old, {'.'.join(map(str, _OLDEST))} or newer is needed. "
            "Install one and name it: make PYTHON=python3.11 …"
        )


require_python(sys.version_info[:3])
sys.path[0] = str(ROOT)  # Python put this file's own folder there

from toolchain.paths import cache_dir, locked  # noqa: E402
from toolchain.report import Report, ToolchainError  # noqa: E402


def ensure_venv(lock: Path, report: Report) -> Path:
    """The Python of the environment for `lock`, which is made now if there is none yet.

    Raises:
        ToolchainError: It cannot be made; says what to do.
    """
    version = "{}.{}".format(*sys.version_info)
    key = hashlib.sha256(lock.read_bytes() + version.encode()).hexdigest()[:12]
    target = cache_dir() / "venv" / f"{key}-py{version}"
    python = target / "bin" / "python"
    if (target / _READY).exists() and python.exists():
        return python
    with locked(cache_dir() / "locks" / f"venv-{key}", "the Python packages"):
        if (target / _READY).exists() and python.exists():
            return python
        started = time.monotonic()
        _require_ensurepip(report)
        with report.working("python", "installing the locked Python packages"):
            shutil.rmtree(target, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(target)], "make a virtual environment")
            pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
            _run([*pip, "--require-hashes", "-r", str(lock)], "install the locked packages")
            (target / _READY).touch()
        report.done("python", f"packages for Python {version}", time.monotonic() - started)
    return python


def _require_ensurepip(report: Report) -> None:
    """Debian keeps what makes environments in a package of its own."""
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    from offline import apt

    package = "python{}.{}-venv".format(*sys.version_info)
    apt.install(package, "python", report)


def _run(command: list[str], what: str) -> None:
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ran.returncode:
        said = "\n".join(ran.stdout.strip().splitlines()[-8:])
        raise ToolchainError(
            f"Python could not {what}:\n{said}\n"
            "If packages could not be fetched, set PIP_INDEX_URL to a package index that this machine reaches."
        )


def main() -> None:
    """Become the environment's Python."""
    arguments, lock = sys.argv[1:], ROOT / "requirements.lock"
    if arguments[:1] == ["--lock"]:
        lock, arguments = Path(arguments[1]).resolve(), arguments[2:]
    try:
        python = ensure_venv(lock, Report())
    except ToolchainError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; the next run goes on from here")
    # Whatever PYTHONPATH and its like name is not part of the program.
    os.execv(python, [str(python), "-E", *arguments])  # noqa: S606  # its whole purpose


if __name__ == "__main__":
    main()
