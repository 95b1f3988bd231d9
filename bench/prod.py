"""What `make up` of stack `prod` costs where nothing changes: the real driver, on a fake Fly with real containers."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.commands import Program
from bench.no_op import EMPTY, both
from bench.results import Row
from bench.rig import Rig
from bench.series import Spread, in_turns
from ops.session import OpsError
from tests.fly.rehearsal import Rehearsal, rehearsal

PAUSE_SECONDS = 0.02
YOUNG = 25
"""Looks at a process, which may still become another program, until it counts as settled."""


def no_op(rig: Rig, empty: Program, rounds: int) -> list[Row]:
    """`make up` on a stack that is up, and how many interpreters that and the first run started.

    Raises:
        OpsError: a run failed.
    """
    folder = rig.folder / "prod"
    folder.mkdir()
    with rehearsal(folder) as prod:
        with _interpreters() as first:
            _up(prod)
        with _interpreters() as each:
            _up(prod)
        taken = in_turns(
            {"empty up": partial(empty.no_op, ["up", "--yes"], EMPTY), "make up": partial(_up, prod)}, rounds
        )
    ratio = taken.ratio("make up", "empty up")
    note = f"{len(first)} of a first one"
    return [
        Row("no-op make up of prod ÷ empty up", ratio, note=both(taken, "make up", "empty up")),
        Row("interpreters of a no-op make up of prod", Spread.of([float(len(each))]), "", note=note),
    ]


def _up(prod: Rehearsal) -> None:
    run = prod.ops("up")
    if run.code != 0:
        raise OpsError(f"prod did not come up: {run.output[-3000:]}")


@contextmanager
def _interpreters() -> Iterator[set[int]]:
    """Processes below this one that become a Python, the fake `fly` left out; grows while this is open."""
    found: set[int] = set()
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(found, done), daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


def _watch(found: set[int], done: threading.Event) -> None:
    looks: dict[int, int] = {}
    ours = {os.getpid()}
    while not done.wait(PAUSE_SECONDS):
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit() or looks.get(int(entry.name), 0) > YOUNG:
                continue
            pid = int(entry.name)
            looks[pid] = looks.get(pid, 0) + 1
            try:
                parent = int(Path(entry.path, "stat").read_text().rpartition(")")[2].split()[1])
                words = Path(entry.path, "cmdline").read_bytes().split(b"\0")
                program = Path(entry.path, "exe").readlink().name
            except OSError:
                continue
            if parent in ours:
                ours.add(pid)
            if pid in ours and pid != os.getpid() and program.startswith("python"):
                is_the_fake = len(words) > 1 and words[1].endswith(b"/fly")
                found.discard(pid) if is_the_fake else found.add(pid)
