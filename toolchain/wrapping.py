"""Where a line may be broken: between words, and never within a command in back ticks."""

from __future__ import annotations

import itertools
import re

_WORD = re.compile(r"(?:`[^`\n]*`|\S)+")
_WHOLE = re.compile(r"\s*(?:run|urn): ")


def breaks(line: str, width: int, indent: str) -> list[int]:
    """Offsets at which the parts after the first begin, each behind `indent`. A word longer than that has its own part.

    What follows `run:` or `urn:` is to be pasted, and stays whole.
    """
    starts: list[int] = []
    begin, room = 0, width
    if len(line) <= width or _WHOLE.match(line):
        return starts
    for word in _WORD.finditer(line):
        if word.end() - begin > room and line[begin : word.start()].strip():
            starts.append(word.start())
            begin, room = word.start(), width - len(indent)
    return starts


def indent_of(line: str) -> str:
    """What the parts after the first begin with."""
    return line[: len(line) - len(line.lstrip())]


def wrapped(line: str, width: int, indent: str) -> str:
    """The line with a break and `indent` before each part after the first."""
    edges = [0, *breaks(line, width, indent), len(line)]
    parts = [line[start:end].rstrip() for start, end in itertools.pairwise(edges)]
    return f"\n{indent}".join(parts)
