"""The folder of one run: who holds it, what is in it, and how it is sealed."""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evidence import MANIFEST, SEALING, unwritable, write_once
from ops import decisions
from ops.decisions import Action

GATE = "gate"


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[bool]:
    """Lock a folder; yields whether nobody else holds it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        alone = True
    except BlockingIOError:
        alone = False
    try:
        yield alone
    finally:
        os.close(descriptor)


def unsealed(root: Path) -> list[Path]:
    """Folders of runs without a manifest, oldest first."""
    with os.scandir(root) as entries:
        folders = sorted(entry.path for entry in entries if entry.name[:1].isdigit())
    return [Path(folder) for folder in folders if not os.access(f"{folder}/{MANIFEST}", os.F_OK)]


def is_running(folder: Path) -> bool:
    """Whether the run of an unsealed folder is still alive."""
    with hold(folder) as alone:
        return not alone


def digests(folder: Path) -> dict[str, str]:
    """File name to sha256 of everything in a run's folder but its manifest."""
    files = sorted(path for path in folder.iterdir() if path.name not in {MANIFEST, SEALING})
    return {path.name: digest(path) for path in files}


def digest(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(root: Path, folder: Path, action: Action, result: str, facts: Mapping[str, Any]) -> None:
    """Write a run's manifest and its line into the decision log; what was cut short before is taken up where it was.

    Args:
        root: the folder of all evidence.
        folder: the run's; held by the caller.
        action: what was done.
        result: `ok`, `failed` or `interrupted`.
        facts: what the log shall say besides.

    Raises:
        EvidenceError: one of them cannot be written; the next run tries again.
    """
    sealing = folder / SEALING
    taken_up = bool(read(sealing))
    if not taken_up:
        sealing.unlink(missing_ok=True)
        head = {"run": folder.name, "action": action, "result": result, "gates": gate_results(folder)}
        write_once(sealing, {**head, **facts, "files": digests(folder)})
    if not (taken_up and _is_logged(root, folder.name)):
        entry = read(sealing)
        files = {**entry.pop("files"), MANIFEST: digest(sealing)}
        paths = {f"{folder.name}/{name}": value for name, value in files.items()}
        decisions.append(root, entry.pop("action"), {**entry, "evidence": paths})
    try:
        sealing.rename(folder / MANIFEST)
    except OSError as error:
        raise unwritable(sealing, error) from error


def _is_logged(root: Path, name: str) -> bool:
    return any(line.entry and line.entry.get("run") == name for line in decisions.lines(root))


def gate_results(folder: Path) -> dict[str, str]:
    """Gate to result of every gate that wrote into a run's folder; of several by one name, the worst."""
    results: dict[str, str] = {}
    for path in sorted(folder.glob(f"*-{GATE}-*.json")):
        entry = read(path)
        if entry.get("kind") == GATE and results.get(str(entry["name"]), "ok") == "ok":
            results[str(entry["name"])] = str(entry["result"])
    return results


def read(path: Path) -> dict[str, Any]:
    """A record; empty when a killed run left half of it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
