"""Compares raw events with rows, a batch at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import TypeVar

from ops.backup.errors import told
from ops.replay.raw import KINDS, OTLP, Bucket, RawEvent, UnreadableError, identity, in_batches, spans
from ops.replay.rows import OBSERVATIONS, SCORES, SPANS, TRACES, Rows, Table
from ops.replay.tally import Tally
from ops.replay.window import Window

REQUESTS, ENTITIES = 100, 1000
"""Objects that are compared together: of OTLP requests each is read first, of the others only what is missing."""
READERS = 8
Found = TypeVar("Found")


@dataclass(frozen=True)
class Lost:
    """A raw event of which rows are missing, and those rows."""

    event: RawEvent
    rows: Sequence[tuple[Table, str]]


@dataclass(frozen=True)
class Search:
    """Finds raw events that lack rows.

    Args:
        bucket: where raw events are.
        rows: what Langfuse has of them.
        release_4: whether the release reads traces from its own table, `events_full`; of what it does not take over
            OTLP, it keeps scores alone.
        tally: counts what is seen.
    """

    bucket: Bucket
    rows: Rows
    release_4: bool
    tally: Tally

    def lost(self, window: Window, now: datetime) -> Iterator[Lost]:
        """Every raw event of a window whose rows are not there and were not deleted on purpose."""
        for project, days in list(self.rows.projects()):
            kept = window if days is None else window.since(now - timedelta(days=days))
            if kept.start < kept.end:
                yield from self._of(project, kept)

    def _of(self, project: str, window: Window) -> Iterator[Lost]:
        for batch in _listed(in_batches(self.bucket.requests(project, window), REQUESTS)):
            yield from self._requests(project, batch, window)
        for kind in ("score",) if self.release_4 else KINDS:
            for batch in _listed(in_batches(self.bucket.entities(project, kind, window), ENTITIES)):
                yield from self._entities(project, kind, batch, window)

    def _requests(self, project: str, batch: Sequence[RawEvent], window: Window) -> Iterator[Lost]:
        self.tally.read(OTLP, len(batch))
        found = self._read(batch, lambda content: set(spans(content)))
        pairs = set(chain.from_iterable(found.values()))
        traces, ids = {trace for trace, _ in pairs}, {span for _, span in pairs}
        table = SPANS if self.release_4 else OBSERVATIONS
        present = self.rows.present(table, project, ids, window)
        known = traces if self.release_4 else self.rows.present(TRACES, project, traces, window)
        lacking = {trace for trace, span in pairs if trace not in known or span not in present}
        deleted = self.rows.deleted(project, lacking)
        for event, its in found.items():
            left = {(trace, span) for trace, span in its if trace not in deleted}
            missing = [
                *((table, span) for _, span in sorted(left) if span not in present),
                *((TRACES, trace) for trace in sorted({trace for trace, _ in left} - known)),
            ]
            self.tally.deleted(project, {trace for trace, _ in its} & deleted)
            yield from self._missing(event, missing)

    def _entities(self, project: str, kind: str, batch: Sequence[RawEvent], window: Window) -> Iterator[Lost]:
        """Keys spell unusual ids otherwise, so events of which no row is found by the key are read."""
        self.tally.read(kind, len(batch))
        table = {"trace": TRACES, "observation": OBSERVATIONS, "score": SCORES}[kind]
        present = self.rows.present(table, project, {event.id for event in batch}, window)
        found = self._read([event for event in batch if event.id not in present], identity)
        unusual = {id_ for event, (id_, _) in found.items() if id_ != event.id}
        present |= self.rows.present(table, project, unusual, window)
        lacking = {event: its for event, its in found.items() if its[0] not in present}
        deleted = self.rows.deleted(project, {trace for _, trace in lacking.values()})
        for event, (id_, trace) in lacking.items():
            if trace in deleted:
                self.tally.deleted(project, {trace})
            else:
                yield from self._missing(event, [(table, id_)])

    def _read(self, events: Sequence[RawEvent], parse: Callable[[object], Found]) -> dict[RawEvent, Found]:
        found: dict[RawEvent, Found] = {}
        with told("read raw events"), ThreadPoolExecutor(READERS) as readers:
            contents = readers.map(lambda event: self._parsed(event, parse), events)
            for event, content in zip(events, contents, strict=True):
                if content is None:
                    self.tally.unreadable(event.key)
                else:
                    found[event] = content
        return found

    def _parsed(self, event: RawEvent, parse: Callable[[object], Found]) -> Found | None:
        try:
            return parse(self.bucket.read(event))
        except UnreadableError:
            return None

    def _missing(self, event: RawEvent, rows: Sequence[tuple[Table, str]]) -> Iterator[Lost]:
        if rows:
            self.tally.missing(event, [(table.name, id_) for table, id_ in rows])
            yield Lost(event, rows)


def _listed(batches: Iterable[list[RawEvent]]) -> Iterator[list[RawEvent]]:
    with told("list raw events"):
        yield from batches
