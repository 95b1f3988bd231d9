"""Reads logs of any size and form, and finds the rows whose message they show."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import BinaryIO

from ops.doctor.looks import filled, hidden
from ops.doctor.quotes import ANSI, JSON_ESCAPE, Speech, own_words, service_of
from ops.doctor.row import Row
from ops.doctor.signatures import DIGITS, Finder, Signature, Source, Weight, signatures

COLOURS = re.compile(ANSI.pattern.encode())
ESCAPED_COLOUR = re.compile(rb"\\u001b(?:\[[0-?]*[ -/]*[@-~])?", re.IGNORECASE)
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]+")
BLOCK = 1 << 20
"""Bytes that are read at once."""
LONGEST_LINE = 65536
"""Bytes; of a longer line only the beginning is read."""
SHOWN = 160
BESIDE = 20
"""Lines within which a consequence is left to its reason."""


@dataclass(frozen=True)
class Shown:
    """A row that a log shows."""

    row: Row
    line: int
    """Number of the first line that does."""
    text: str
    """The line, cut around the message, without passwords and tokens in URLs."""
    weight: Weight
    by: tuple[Source, ...]
    """Who prints such a line; the one service, where the line names it."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What the message names, as the host that is not found."""
    times: int = 1


def explain(log: BinaryIO, rows: Sequence[Row]) -> list[Shown]:
    """Rows whose message is in the log: the reasons first, then in the order of their appearance.

    Holds no more than a block of the log at a time.

    Args:
        log: bytes of any kind; colours, JSON records and garbage are coped with.
        rows: those to look for.
    """
    known = {row.id: row for row in rows}
    found: dict[str, Shown] = {}
    pending: list[Shown] = []
    reason_at = -BESIDE - 1

    def keep(shown: Shown) -> None:
        first = found.get(shown.row.id)
        if first is None:
            found[shown.row.id] = shown
        else:
            names = {**shown.names, **first.names}
            found[shown.row.id] = replace(
                first, times=first.times + 1, names=names, weight=max(first.weight, shown.weight)
            )

    for shown in _all_shown(log, known):
        if shown.weight is not Weight.CONSEQUENCE:
            reason_at, pending = shown.line, [entry for entry in pending if entry.line < shown.line - BESIDE]
            keep(shown)
        elif shown.line - reason_at > BESIDE:
            pending.append(shown)
        while pending and pending[0].line < shown.line - BESIDE:
            keep(pending.pop(0))
    for entry in pending:
        keep(entry)
    return sorted(found.values(), key=lambda entry: (-entry.weight, entry.line))


def _all_shown(log: BinaryIO, rows: Mapping[str, Row]) -> Iterator[Shown]:
    known = tuple(entry for entry in signatures() if entry.row in rows)
    if not known:
        return
    by_literal: dict[str, list[Signature]] = {}
    for entry in known:
        for literal in entry.literals:
            by_literal.setdefault(literal, []).append(entry)
    for number, line, before, literals in _candidates(log, _finder(known)):
        possible = dict.fromkeys(entry for literal in sorted(literals) for entry in by_literal[literal])
        hit = _best(possible, own_words(line, before))
        if hit:
            yield Shown(
                rows[hit.signature.row],
                number,
                _around(_plain(line), hit.matches[0][0]),
                hit.signature.weight,
                _printed_by(hit.signature, line),
                hit.names,
            )


def _best(possible: Iterable[Signature], speeches: Iterable[Speech]) -> "_Hit | None":
    """The heaviest of the signatures that a line matches, or of those the one that matches most of it."""
    best: _Hit | None = None
    for speech in speeches:
        small = speech.text.lower()
        for signature in possible:
            if any(literal in small for literal in signature.literals):
                matches = list(speech.matches(signature.pattern))
                hit = _Hit(signature, matches) if matches else None
                best = hit if hit and (best is None or hit.rank > best.rank) else best
    return best


@dataclass(frozen=True)
class _Hit:
    """A signature on one line."""

    signature: Signature
    matches: Sequence[re.Match[str]]

    @property
    def rank(self) -> tuple[Weight, int]:
        return self.signature.weight, max(len(match[0]) for match in self.matches)

    @property
    def names(self) -> dict[str, str]:
        """What the line names."""
        told = (pair for match in self.matches for pair in match.groupdict().items())
        return {name.rstrip(DIGITS): hidden(value) for name, value in told if value}


def _printed_by(signature: Signature, line: str) -> tuple[Source, ...]:
    service = service_of(line)
    named = tuple(source for source in Source if service == source)
    return named or signature.by


@cache
def _finder(known: tuple[Signature, ...]) -> Finder:
    return Finder({literal for entry in known for literal in entry.literals})


def _candidates(log: BinaryIO, finder: Finder) -> Iterator[tuple[int, str, str, set[str]]]:
    """Number, text and predecessor of every line that may show something, and what it holds."""
    number, before = 1, b""
    for raw in _blocks(log):
        block = _without_colours(raw)
        small = block.lower()
        at = 0
        while (hit := finder.first(small, at)) >= 0:
            start = block.rfind(b"\n", 0, hit) + 1
            end = block.find(b"\n", hit)
            end = len(block) if end < 0 else end
            number += block.count(b"\n", at, start)
            last = block[block.rfind(b"\n", 0, start - 1) + 1 : start - 1] if start else before
            yield number, _text(block[start:end]), _text(last), finder.within(small, start, end)
            number, at = number + 1, end + 1
        number += block.count(b"\n", at)
        before = block.rstrip(b"\n").rpartition(b"\n")[2]


def _blocks(log: BinaryIO) -> Iterator[bytes]:
    """The log in pieces that end with a line; of an endless line, its beginning."""
    rest, skipping = b"", False
    while piece := log.read(BLOCK):
        if skipping:
            _, newline, piece = piece.partition(b"\n")
            skipping = not newline
            rest = b"\n" if newline else b""
            if skipping:
                continue
        whole, newline, rest = (rest + piece).rpartition(b"\n")
        if newline:
            yield whole + newline
        if len(rest) > LONGEST_LINE:
            yield rest[:LONGEST_LINE]
            rest, skipping = b"", True
    if rest:
        yield rest


def _without_colours(block: bytes) -> bytes:
    if b"\\u001b" in block or b"\\u001B" in block:
        block = ESCAPED_COLOUR.sub(b"", block)
    return COLOURS.sub(b"", block) if b"\x1b" in block else block


def _text(raw: bytes) -> str:
    return raw[:LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")


def _plain(line: str) -> str:
    """One line with the escapes of a JSON string undone."""
    if "\\" not in line:
        return line
    return JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2] or " ", line)


def _around(line: str, said: str) -> str:
    start = max(line.find(said) - 40, 0)
    return hidden(UNPRINTABLE.sub(" ", filled(line)[start : start + SHOWN]).strip())
