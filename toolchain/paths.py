"""Where the toolchain keeps its files, and how several runs share those folders safely.

The cache can be thrown away and is shared by all clones; the state cannot be rebuilt.
Standard library only: `toolchain/venv.py` uses this before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = "langfuse-stack"


def cache_dir() -> Path:
    """The folder for everything that can be fetched or built again; created when absent."""
    path = _configured("LANGFUSE_STACK_CACHE", "XDG_CACHE_HOME", ".cache")
    path.mkdir(parents=True, exist_ok=True)
    return path


def state_dir() -> Path:
    """The folder for what cannot be rebuilt (stack state, passphrase); created 0700 when absent."""
    path = _configured("LANGFUSE_STACK_STATE", "XDG_STATE_HOME", ".local/state")
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def _configured(own: str, xdg: str, in_home: str) -> Path:
    if os.environ.get(own):
        return Path(os.environ[own]).expanduser().absolute()
    base = os.environ.get(xdg, "")
    # The XDG specification says that a relative path there is to be ignored.
    return (Path(base) if base.startswith("/") else Path.home() / in_home) / _NAME


@contextlib.contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold an exclusive lock on `path`, waiting for other processes that hold it.

    Args:
        path: The lock file; it is created, and stays.
        what: What the holder gets, for the line that says why this run waits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:  # closing it, also by dying, gives the lock back
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run that is getting {what}", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Build a folder that appears under its name only when it is complete.

    Yields a temporary folder on the same file system. It becomes `target` when the block ends well, and is
    removed when it does not; what a killed run left behind is removed by the next one. Hold a lock around it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.part-"
    for leftover in target.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        yield part
        part.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def private_folder() -> tuple[Path, Callable[[], None]]:
    """A folder for this process alone (0700), and what removes it; what a killed process left is removed now."""
    root = state_dir() / "runs"
    root.mkdir(mode=0o700, exist_ok=True)
    with locked(root / ".lock", "a folder of its own"):
        for folder in (entry for entry in root.iterdir() if entry.is_dir()):
            with contextlib.suppress(BlockingIOError):
                os.close(_held(folder))
                shutil.rmtree(folder, ignore_errors=True)
        made = Path(tempfile.mkdtemp(dir=root))
        descriptor = _held(made)

    def remove() -> None:
        shutil.rmtree(made, ignore_errors=True)
        os.close(descriptor)

    return made, remove


def _held(folder: Path) -> int:
    """A descriptor that keeps a folder locked until it is closed, also by dying.

    Raises:
        BlockingIOError: another one has it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def write_private(path: Path, text: str) -> None:
    """Replace `path` with `text` in one step, readable by its owner only; what was there stays if that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
