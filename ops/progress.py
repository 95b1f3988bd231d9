"""An engine's run as people follow it: what is done, what is waited for, and each resource counted once."""

import json
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.text import Text

from components.langfuse import WEB_STOP_GRACE
from ops.session import COLOURS
from ops.terminal import Console, waiting
from ops.workers import WEB

POLL_SECONDS = 0.1
REPLACED = "replace"
PROVIDER = "pulumi:providers:"
DONE = {"create": "created", "update": "updated", "delete": "deleted", REPLACED: "replaced", "same": "unchanged"}
SYMBOLS = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}


class Progress:
    """Takes the engine's events, prints what is done, and has the line of what is waited for say the rest."""

    def __init__(self, console: Console, known: Collection[str] = ()) -> None:
        self._console, self._known = console, known
        self._changed: dict[str, str] = {}
        self._waits: dict[tuple[str, str], str] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        """See the class."""
        if begun := event.get("resourcePreEvent"):
            self._begin(begun["metadata"])
        elif done := event.get("resOutputsEvent"):
            self._end(done["metadata"])
        elif failed := event.get("resOpFailedEvent"):
            self._fail(failed["metadata"])
        elif said := event.get("diagnosticEvent"):
            self._say(said)
        elif summary := event.get("summaryEvent"):
            self._sum_up(summary.get("durationSeconds", 0))

    def close(self) -> None:
        """Wait for nothing any more."""
        for what in self._waits.values():
            waiting.end(what)
        self._waits.clear()

    def _begin(self, step: Mapping[str, Any]) -> None:
        if _works(step):
            self._waits[step["urn"], step["op"]] = what = _waited_for(step)
            waiting.begin(what)

    def _end(self, step: Mapping[str, Any]) -> None:
        urn, op = step["urn"], REPLACED if REPLACED in step["op"] else step["op"]
        seconds = self._stop_waiting(step)
        if op in DONE and not step["type"].startswith(PROVIDER) and self._changed.get(urn) != REPLACED:
            self._changed[urn] = op
        if _works(step) and seconds >= 1:
            symbol, colour = SYMBOLS.get(op, ("±", "magenta"))
            did = "deleted" if step["op"].startswith("delete") else DONE.get(op, op)
            self._console.print(Text.assemble((symbol, colour), f" {did:<8} {seconds:>4.0f} s  {name_of(urn)}"))

    def _fail(self, step: Mapping[str, Any]) -> None:
        seconds = self._stop_waiting(step)
        self._console.print(Text.assemble(("✗", "red"), f" failed   {seconds:>4.0f} s  {name_of(step['urn'])}"))

    def _stop_waiting(self, step: Mapping[str, Any]) -> float:
        what = self._waits.pop((step["urn"], step["op"]), None)
        return waiting.end(what) if what else 0.0

    def _say(self, said: Mapping[str, Any]) -> None:
        text = COLOURS.sub("", str(said.get("message", ""))).strip().removeprefix("warning: ")
        if said.get("severity") in {"warning", "info#err"} and text and text not in self._known:
            self._console.print(text, markup=False)

    def _sum_up(self, seconds: int) -> None:
        counts = Counter(DONE[op] for op in self._changed.values())
        changes = ", ".join(f"{counts[word]} {word}" for word in DONE.values() if counts[word]) or "0 changes"
        self._console.print(f"{changes} in {seconds} s")


class EventLog:
    """The engine's event log while the engine writes it.

    Args:
        path: of the log, which need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._at, self._begun = path, 0, ""

    def fresh(self) -> list[Mapping[str, Any]]:
        """Events since the last look; one that is written only in part comes with the next."""
        try:
            with self._path.open(encoding="utf-8") as log:
                log.seek(self._at)
                text = log.read()
                self._at = log.tell()
        except FileNotFoundError:
            return []
        *lines, self._begun = (self._begun + text).split("\n")
        return [json.loads(line) for line in lines]


@contextmanager
def followed(event_log: Path, console: Console, known: Collection[str] = ()) -> Iterator[None]:
    """Show what the engine writes into its event log while the block runs it.

    Args:
        event_log: that the engine writes.
        console: takes what is done.
        known: warnings that were shown before.
    """
    progress, over = Progress(console, known), threading.Event()
    reader = threading.Thread(target=_read, args=(EventLog(event_log), progress, over), daemon=True)
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join()
        progress.close()


def _read(event_log: EventLog, progress: Progress, over: threading.Event) -> None:
    last = False
    while not last:
        last = over.wait(POLL_SECONDS)
        for event in event_log.fresh():
            progress.take(event)


def _works(step: Mapping[str, Any]) -> bool:
    """Whether something is done for the step; components and what stays have nothing to wait for."""
    return step["op"] != "same" and not step["type"].startswith(("langfuse-stack:", "pulumi:"))


def name_of(urn: str) -> str:
    """Kind and name of a resource, for people."""
    kind, name = urn.split("::")[2:4]
    return f"{kind.rpartition('$')[2].rpartition(':')[2]} {name}"


def _waited_for(step: Mapping[str, Any]) -> str:
    name = str(step["urn"]).rpartition("::")[2]
    if not step["op"].startswith("delete"):
        return name
    return f"{name} to stop, up to {WEB_STOP_GRACE} s" if WEB.search(step["urn"]) else f"{name} to stop"
