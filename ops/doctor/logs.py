"""Reads logs of any size and form, and finds the rows whose message they show."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

from ops.doctor.looks import filled, hidden
from ops.doctor.row import Row

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]+")
JSON_ESCAPE = re.compile(r'\\u([0-9a-fA-F]{4})|\\+(?:(["/])|[nrt])')
BREAK = "\0"
GROUP = re.compile(r"\([^()]*\)[?*+]?")
CLASS = re.compile(r"\[[^\]]*\](?:[?*+]|\{[\d,]+\})?")
QUANTIFIED = re.compile(r".[?*]|.\{[\d,]+\}")
LONGEST_LINE = 65536
"""Bytes; a longer line is read in pieces."""
SHOWN = 160


@dataclass
class Shown:
    """A row that a log shows."""

    row: Row
    line: int
    """Number of the first line that does."""
    text: str
    """The line, cut around the message, without passwords and tokens in URLs."""
    times: int = 1


def explain(log: BinaryIO, rows: Sequence[Row]) -> list[Shown]:
    """Rows whose message is in the log, in the order of their first appearance. Holds one line at a time.

    Args:
        log: bytes of any kind; colours, JSON records and garbage are coped with.
        rows: those to look for.
    """
    known = [(_literal(text), re.compile(text), row) for row in rows for text in row.signatures]
    found: dict[str, Shown] = {}
    for number, line in _lines(log):
        shown_here: set[str] = set()
        for literal, pattern, row in known:
            match = pattern.search(line) if literal in line and row.id not in shown_here else None
            if match is None:
                continue
            shown_here.add(row.id)
            if row.id in found:
                found[row.id].times += 1
            else:
                found[row.id] = Shown(row, number, _around(line, match))
    return list(found.values())


def first_match(row: Row, log: bytes) -> str | None:
    """The newest line of a log that shows the row, None when none does."""
    pattern = _pattern(row)
    for raw in reversed(log.splitlines()):
        line = _plain(raw)
        match = pattern.search(line)
        if match:
            return _around(line, match)
    return None


@cache
def _pattern(row: Row) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{signature})" for signature in row.signatures))


def _literal(signature: str) -> str:
    """The longest text that every match of a signature holds: looking for that first is many times as fast."""
    rest = re.sub(r"\\.", BREAK, signature)
    while GROUP.search(rest):
        rest = GROUP.sub(BREAK, rest)
    rest = QUANTIFIED.sub(BREAK, CLASS.sub(BREAK, rest))
    return max(re.split(r"[\0.^$+]", rest), key=len)


def _lines(log: BinaryIO) -> Iterator[tuple[int, str]]:
    number, continued = 0, False
    while piece := log.readline(LONGEST_LINE):
        number += not continued
        continued = not piece.endswith(b"\n")
        yield number, _plain(piece)


def _plain(raw: bytes) -> str:
    """One line without colours, with the escapes of a JSON string undone: enough to find a message in it."""
    text = raw.decode("utf-8", "replace")
    if "\\u001b" in text:
        text = text.replace("\\u001b", "\x1b")
    if "\x1b" in text:
        text = ANSI.sub("", text)
    if "\\" in text:
        text = JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2] or " ", text)
    return text


def _around(line: str, match: re.Match[str]) -> str:
    start = max(match.start() - 40, 0)
    return hidden(UNPRINTABLE.sub(" ", filled(line)[start : start + SHOWN]).strip())
