"""Which message belongs to which row: `signatures.yaml`, read once."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum, StrEnum
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

FILE = Path(__file__).with_name("signatures.yaml")
RAREST_FIRST = "%*_qx><z;][}{kj=)(yhw+uvbp'gldmf/-,r.ia:nctso9876543210e "
"""Characters of logs; a search for a text begins at its rarest."""
MIN_LITERAL = 4
DIGITS = "0123456789"
"""Spellings of one message that name the same thing are told apart by them, as `host` and `host2`."""


class Weight(IntEnum):
    """How much a message says of the reason."""

    CONSEQUENCE = 0
    """Follows from something else."""
    GENERAL = 1
    """A kind of trouble."""
    EXACT = 2
    """The reason itself."""


class Source(StrEnum):
    """Who prints a message: a service of the stack, or something around it."""

    CLICKHOUSE = "clickhouse"
    MINIO = "minio"
    POSTGRES = "postgres"
    REDIS = "redis"
    WEB = "langfuse-web"
    WORKER = "langfuse-worker"
    RELAY = "relay"
    RELAY_PROXY = "relay-proxy"
    GATEWAY = "gateway"
    APPLICATION = "application"
    DOCKER = "docker"
    FLY = "fly"
    ENGINE = "engine"


AROUND = frozenset({Source.APPLICATION, Source.DOCKER, Source.FLY, Source.ENGINE})
"""Those that no service's own log shows."""


def _weight(value: object) -> object:
    return Weight[value.upper()] if isinstance(value, str) else value


class Signature(BaseModel):
    """One message; see the head of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: str
    has: Annotated[tuple[str, ...], Field(min_length=1)]
    by: Annotated[tuple[Source, ...], Field(min_length=1)]
    match: str = ""
    weight: Annotated[Weight, BeforeValidator(_weight)] = Weight.EXACT

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """`has`, in small letters."""
        return tuple(text.lower() for text in self.has)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What the line must say."""
        return re.compile(self.match or "|".join(re.escape(text) for text in self.has), re.IGNORECASE)


@cache
def signatures() -> tuple[Signature, ...]:
    """All of them, in the order of the file."""
    content: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(Signature.model_validate(entry) for entry in content["signatures"])


@cache
def sources() -> dict[str, frozenset[Source]]:
    """Row to all that print a message of it."""
    found: dict[str, set[Source]] = {}
    for signature in signatures():
        found.setdefault(signature.row, set()).update(signature.by)
    return {row: frozenset(by) for row, by in found.items()}


@cache
def names() -> frozenset[str]:
    """Names of what a message may tell a fix, as `region`."""
    groups = itertools.chain.from_iterable(entry.pattern.groupindex for entry in signatures())
    return frozenset(name.rstrip(DIGITS) for name in groups)


class Finder:
    """Finds many texts in one pass, in bytes in small letters.

    It looks for the part of each from its rarest character on, and compares the rest where that is.

    Args:
        texts: in small letters.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._whole: dict[bytes, list[tuple[bytes, int]]] = {}
        """Part that is looked for, to every text that it stands for, and how far before it that begins."""
        parts = {text: _rarest(text) for text in texts}
        shortest = sorted({text[at:] for text, at in parts.items()}, key=len)
        kept: list[str] = []
        for part in shortest:
            if not part.startswith(tuple(kept)):
                kept.append(part)
        for text, at in parts.items():
            [part] = [entry for entry in kept if text.startswith(entry, at)]
            self._whole.setdefault(part.encode(), []).append((text.encode(), at))
        self._pattern = re.compile(_trie(sorted(kept)).encode())

    def first(self, log: bytes, start: int) -> int:
        """Where the next of the texts is, from `start` on; -1 when there is none."""
        return next((at for at, _ in self._found(log, start, len(log))), -1)

    def within(self, log: bytes, start: int, end: int) -> set[str]:
        """All of the texts between two places."""
        return {text.decode() for _, text in self._found(log, start, end)}

    def _found(self, log: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        at = start
        while hit := self._pattern.search(log, at, end):
            at = hit.start()
            for text, before in self._whole[hit[0]]:
                if at - before >= start and log.startswith(text, at - before, end):
                    yield at - before, text
            at += 1


def _rarest(text: str) -> int:
    """Where the rarest character of a text is that has enough after it to be looked for."""
    return min(range(max(len(text) - MIN_LITERAL, 0) + 1), key=lambda at: RAREST_FIRST.find(text[at]))


def _trie(texts: Sequence[str]) -> str:
    branches = [
        re.escape(first) + _trie([text[1:] for text in group if len(text) > 1])
        for first, group in itertools.groupby(texts, key=lambda text: text[:1])
    ]
    return f"(?:{'|'.join(branches)})" if len(branches) > 1 else "".join(branches)
