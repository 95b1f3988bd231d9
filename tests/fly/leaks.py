"""Where a secret could show, and every spelling in which it would."""

import base64
import json
import os
import re
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

PAUSE_SECONDS = 0.02
YOUNG = 100
"""Looks at a process, which may still become another program, until its command line counts as settled."""


def spellings(secret: str) -> set[str]:
    """A secret as it is, URL-encoded, JSON-escaped once and twice, and inside of what was encoded in base64."""
    escaped = json.dumps(secret)
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        escaped[1:-1],
        json.dumps(escaped)[3:-3],
        *(
            encode(b"x" * before + secret.encode()).decode()[4:-4]
            for encode in (base64.b64encode, base64.urlsafe_b64encode)
            for before in range(3)
        ),
    }


def canaries(vault: Mapping[str, str]) -> dict[str, set[str]]:
    """Name to spellings of every planted secret; of a URL, its password is the secret."""
    planted = {name: value for name, value in vault.items() if "canary" in value}
    return {
        name: spellings(value.partition("@")[0].rpartition(":")[2] if "://" in value else value)
        for name, value in planted.items()
    }


def found(places: Mapping[str, str], planted: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """Place and name of every secret that shows."""
    return {
        (place, name)
        for place, text in places.items()
        for name, forms in planted.items()
        if any(form in text for form in forms)
    }


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder to its text; those inside of archives too."""
    texts: dict[str, str] = {}
    for path in folder.rglob("*"):
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                inside = [(member.name, archive.extractfile(member)) for member in archive]
                texts |= {f"{path}:{name}": file.read().decode(errors="replace") for name, file in inside if file}
        elif path.is_file():
            texts[str(path)] = path.read_text(errors="replace")
    return texts


def decoded(document: Mapping[str, Any]) -> str:
    """Everything in a document that is base64, decoded: the engine keeps the code of gates that way."""
    blobs = re.findall(r"[A-Za-z0-9+/]{40,}={0,2}", json.dumps(document))
    padded = (blob + "=" * (-len(blob) % 4) for blob in blobs)
    return "\n".join(base64.b64decode(blob, validate=False).decode(errors="replace") for blob in padded)


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Every command line on the machine while this is open, as everybody on it can read them; grows meanwhile."""
    seen: set[str] = set()
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(seen, done), daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _watch(seen: set[str], done: threading.Event) -> None:
    looks: dict[str, int] = {}
    while not done.wait(PAUSE_SECONDS):
        there = {entry.name for entry in os.scandir("/proc") if entry.name.isdigit()}
        for gone in looks.keys() - there:
            del looks[gone]
        for pid in there:
            looks[pid] = looks.get(pid, 0) + 1
            if looks[pid] <= YOUNG:
                try:
                    line = Path("/proc", pid, "cmdline").read_bytes()
                except OSError:
                    continue
                seen.add(line.replace(b"\0", b" ").decode(errors="replace"))
