"""Our own reading of SQL's words: the first of the two opinions that must agree before anything counts as safe.

Stricter than any server. What two servers, or a server and a tool that splits at semicolons, could read differently is
unreadable here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from policy.migrations.model import Dialect

STRING = r"'(?:[^'\\]|'')*'"
ESCAPED_STRING = r"'(?:[^'\\]|''|\\.)*'"
COMMON = (
    ("space", r"[ \t\r\n]+"),
    ("comment", r"--[^\r\n]*|/\*(?![!+])(?:(?!/\*|\*/).)*\*/"),
)
POSTGRES = (
    *COMMON,
    ("string", rf"[eE]{ESCAPED_STRING}|(?P<tag>\$(?:[A-Za-z_]\w*)?\$)(?:.*?)(?P=tag)|{STRING}"),
    ("name", r'"(?:[^"]|"")+"'),
    ("number", r"\d[\d.]*(?:[eE][+-]?\d+)?"),
    ("word", r"[A-Za-z_][A-Za-z0-9_]*"),
    ("mark", r"(?!/\*|\*/|--)[-+*/<>=~!@#%^&|?,.:;()\[\]]"),
)
CLICKHOUSE = (
    *COMMON,
    ("string", ESCAPED_STRING),
    ("name", r'`[^`\\]+`|"[^"\\]+"'),
    ("number", r"\d[\d.]*(?:[eE][+-]?\d+)?"),
    ("word", r"[A-Za-z_][A-Za-z0-9_]*"),
    ("mark", r"(?!/\*|\*/|--)[-+*/<>=!%|?,.:;()\[\]{}]"),
)
PATTERNS = {
    dialect: re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in kinds), re.DOTALL | re.ASCII)
    for dialect, kinds in (("postgres", POSTGRES), ("clickhouse", CLICKHOUSE))
}
LONE_RETURN = re.compile(r"\r(?!\n)")


class UnreadableError(Exception):
    """The text is not plain SQL, so nothing is known about it; the message says what was met."""


@dataclass(frozen=True)
class Token:
    """A word, quoted name, string, number or mark, and where it stands."""

    kind: Literal["word", "name", "string", "number", "mark"]
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """A word in capitals; empty for everything that only looks like one."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(sql: str, dialect: Dialect) -> list[Token]:
    """All tokens of `sql`, without comments.

    Raises:
        UnreadableError: a character outside ASCII in code, a nested or executable comment, an open string or comment,
            or a form of literal that is not known here.
    """
    if LONE_RETURN.search(sql):
        raise UnreadableError("a carriage return without a line feed: servers differ on whether a comment ends there")
    return list(_scan(sql, dialect))


def _scan(sql: str, dialect: Dialect) -> Iterator[Token]:
    position, before = 0, ""
    while position < len(sql):
        match = PATTERNS[dialect].match(sql, position)
        if match is None or match.lastgroup is None:
            line = sql.count("\n", 0, position) + 1
            raise UnreadableError(f"line {line}: unreadable at {sql[position : position + 12]!a}")
        kind = "string" if match["string"] else match.lastgroup
        text, line = match[0], sql.count("\n", 0, position) + 1
        if kind in {"comment", "string", "name"}:
            _plain(text, kind, dialect, line)
        if kind not in {"space", "comment", "mark"} and before and before not in {"mark", "space", "comment"}:
            raise UnreadableError(f"line {line}: no space before {text[:12]!a}")
        if kind not in {"space", "comment"}:
            yield Token(kind, text, position, match.end())  # type: ignore[arg-type]
        position, before = match.end(), kind


def _plain(text: str, kind: str, dialect: Dialect, line: int) -> None:
    if kind == "name" and not text.isascii():
        raise UnreadableError(f"line {line}: name with characters outside ASCII: {text[:24]!a}")
    if dialect == "clickhouse" and ";" in text:
        # The tool that applies the files splits them at every semicolon, wherever it stands.
        raise UnreadableError(f"line {line}: semicolon inside a {kind}, where the file would be cut in two")
    if "\0" in text or (kind == "comment" and not text.isprintable() and _control(text)):
        raise UnreadableError(f"line {line}: control character inside a {kind}")


def _control(text: str) -> bool:
    return any(not character.isprintable() and character not in "\t\r\n" for character in text)


def statements(found: list[Token]) -> list[list[Token]]:
    """The tokens of each statement, without semicolons; empty ones are left out."""
    split: list[list[Token]] = [[]]
    for token in found:
        if token.kind == "mark" and token.text == ";":
            split.append([])
        else:
            split[-1].append(token)
    return [statement for statement in split if statement]


def code_positions(found: list[Token]) -> set[int]:
    """Where code stands in the text: every position that is in no comment, string or space."""
    return {position for token in found if token.kind != "string" for position in range(token.start, token.end)}
