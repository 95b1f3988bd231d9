"""The only way to express a `fly` command line: a call of `calls.toml`, filled in."""

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platforms.fly.errors import ForbiddenError

_HERE = Path(__file__).parent
_TABLE: Mapping[str, Any] = tomllib.loads((_HERE / "calls.toml").read_text(encoding="utf-8"))
KINDS: Mapping[str, str] = _TABLE["kinds"]
INSIDE: Mapping[str, str] = _TABLE["inside"]
SCRIPTS = _HERE.parent / "scripts"
"""For the shell of whatever image runs."""
READ_SECONDS, WRITE_SECONDS = 60, 180
INTERNAL, BALANCED = ".internal", ".flycast"
"""Suffix of an app's name on the private network: its machines, and Fly's balancing over those that are healthy."""
Value = str | int | bool | Sequence[str]


@dataclass(frozen=True)
class Call:
    """What is known of a call."""

    usage: str
    seconds: int
    """It may take that long; 0 for as long as it likes."""
    writes: bool = False
    confidential: bool = False
    """Whether its answer holds secrets."""
    partial: bool = False
    """Whether what it printed counts when its time is up."""
    alone: bool = False
    """Whether it rewrites `fly`'s own configuration file, so that two at once lose entries."""


CALLS = {
    verb: Call(**({"seconds": WRITE_SECONDS if call.get("writes") else READ_SECONDS} | call))
    for verb, call in _TABLE["calls"].items()
}


class Command:
    """The arguments of one call.

    Args:
        verb: a key of `CALLS`.
        values: of each `<kind>` in its usage, and True for each `[flag]` that is wanted.

    Raises:
        ForbiddenError: there is no such call, or a value is missing, unknown or not of its kind.
    """

    def __init__(self, verb: str, **values: Value) -> None:
        if verb not in CALLS:
            raise ForbiddenError(f"fly {verb}: not among the calls this program may make")
        self.verb, self.call = verb, CALLS[verb]
        self.app = str(values.get("app", ""))
        given = dict(values)
        try:
            self.words = (*verb.split(), *_filled(self.call.usage, given))
        except KeyError as error:
            raise ForbiddenError(f"fly {verb}: {error} is missing, or not among what it may be given") from None
        if given:
            raise ForbiddenError(f"fly {verb}: {', '.join(given)} not allowed")

    def __str__(self) -> str:
        """For messages; of a word of several lines, its beginning."""
        return " ".join(("fly", *(f"{word[:20]}…" if "\n" in word else word for word in self.words)))


def _filled(usage: str, values: dict[str, Value]) -> Iterator[str]:
    """The words of a usage; takes from `values` what it uses."""
    for word in usage.split():
        if word.startswith("["):
            flag = word.strip("[]")
            if values.pop(flag.strip("-").replace("-", "_"), False):
                yield flag
        elif word.endswith("..."):
            yield from _several(word[1:-4], values.pop(word[1:-4]))
        elif word.endswith(".sh>"):
            yield (SCRIPTS / word[1:-1]).read_text(encoding="utf-8")
        elif word == "<inside>":
            yield shlex.join(_filled(INSIDE[str(values.pop("inside"))], values))
        else:
            yield re.sub(r"<(\w+)>", lambda found: _matching(found[1], values.pop(found[1])), word)


def _several(kind: str, values: Value) -> list[str]:
    if not isinstance(values, list | tuple) or not values:
        raise ForbiddenError(f"1 or more {kind} are needed")
    return [_matching(kind, value) for value in values]


def _matching(kind: str, value: Value) -> str:
    if not re.fullmatch(KINDS[kind], str(value), re.ASCII):
        raise ForbiddenError(f"{value!r} is no {kind} (expected {KINDS[kind]})")
    return str(value)


def tunnel(app: str, remote: int) -> tuple[str, ...]:
    """`fly proxy` to a port of an app, with `{port}` for the local one, which is chosen when the tunnel is opened."""
    return ("fly", *Command("proxy", local="{port}", remote=remote, app=app).words)
