"""Tells what a line of a log says itself from what it only quotes: prompts, bodies, links, SQL, source code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

JSON_ESCAPE = re.compile(r'\\u([0-9a-fA-F]{4})|\\+(?:(["/])|[nrt])')
ONE_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|(?<![\w\\])'(?:[^'\\]|\\.)*'(?!\w)|`[^`]*`|“[^”]*”)"""
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<key>(?<![\w.-])[A-Za-z_][\w.-]{0,60})(?=\s*[:=])"
)
KEY_AFTER = re.compile(r"\s*[:=]\s*")
OWN_KEY = re.compile(
    r"(?:.*(?:error|err|exception|exc_info|message|msg|reason|cause|stack|stacktrace|trace|code|failed|failure|panic)"
    r"|detail|details|status|type|log|textPayload|fatal|warning)$",
    re.IGNORECASE,
)
"""Keys whose value is the program's own words."""
CONTENT_KEY = re.compile(
    r"(?:input|inputs|output|outputs|prompt|prompts|messages|content|contents|body|request|response|choices|completion"
    r"|metadata|attributes|arguments|args|kwargs|params|parameters|variables|payload|question|answer|text|query|tags"
    r"|tool_calls|document|documents|examples?|item|items|event_body|trace_body|props)$",
    re.IGNORECASE,
)
"""Keys below which everything is what an application sent."""
LABEL = re.compile(
    r"(?<!invalid )(?<!\w)(?:prompt|input|completion|content|question|query|statement|user message|title|comment"
    r"|in query|execute [^:]{1,40})\s*[:=](?!=)|\b(?:prisma|clickhouse):(?:query|exec|insert)\b",
    re.IGNORECASE,
)
"""What follows it is not the program's own."""
LINK = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,20}://[^\s/\"'<>)\]}]*(?P<rest>[/?#][^\s\"'<>)\]}]*)")
REQUEST = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (?P<rest>/\S*)")
PREFIX = re.compile(
    r"(?:(?P<service>[\w.-]+?)(?:-\d+)?\s+\| ?)?"
    r"(?:\d{4}-\d\d-\d\dT[\d:.]+Z?\s+(?:(?:app|runner|proxy)\[[^\]]*\]\s+\w+\s+\[\w+\]\s?)?)?"
)
"""What Docker Compose and Fly put before a line."""
SOURCE = re.compile(r"\s*(?:→|\d+ \||> |# |// |at\s)")
LOCATION = re.compile(r'\s*File "[^"]+", line \d+|\S+\.(?:[cm]?[jt]s|py|go|rb):\d+$')
"""A line of a trace after which the program's source follows."""
QUIET = re.compile(r"<(?:Trace|Debug|Information|Test)>|\"level\":\s*\"(?:debug|trace|silly)\"")
DEEPEST = 6


@dataclass(frozen=True)
class Speech:
    """A text in the program's own words."""

    text: str
    quoted: tuple[tuple[int, int], ...] = field(default=())
    """Spans that are somebody else's."""

    def matches(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """Matches that begin in the program's own words."""
        for match in pattern.finditer(self.text):
            if not any(start <= match.start() < end for start, end in self.quoted):
                yield match


def own_words(line: str, before: str = "") -> Iterator[Speech]:
    """What a line says itself: the line without its quotes, and each quote that is a message of the program.

    Args:
        line: without colours.
        before: the line before it.
    """
    text = line[prefix.end() :] if (prefix := PREFIX.match(line)) else line
    if not (QUIET.search(text) or SOURCE.match(text) or LOCATION.match(_bare(before))):
        yield from _spoken(text, 0)


def service_of(line: str) -> str | None:
    """The service that Docker Compose names before a line."""
    prefix = PREFIX.match(line)
    return prefix["service"] if prefix else None


def _bare(line: str) -> str:
    prefix = PREFIX.match(line)
    return line[prefix.end() :].rstrip() if prefix else line.rstrip()


def _spoken(text: str, depth: int) -> Iterator[Speech]:
    strings = list(_strings(text))
    quoted = [match.span("rest") for pattern in (LINK, REQUEST) for match in pattern.finditer(text)]
    quoted += [(start, end) for start, end, _ in strings]
    label = next((at for at in LABEL.finditer(text) if not any(a < at.start() < b for a, b, _ in strings)), None)
    if label:
        quoted.append((label.end(), len(text)))
    yield Speech(text, tuple(quoted))
    for start, end, own in strings if depth < DEEPEST else ():
        if own and not (label and start > label.start()):
            yield from _of_lines(ANSI.sub("", _unescaped(text[start + 1 : end - 1])), depth + 1)


def _of_lines(text: str, depth: int) -> Iterator[Speech]:
    before = ""
    for line in text.splitlines():
        if not (SOURCE.match(line) or LOCATION.match(before)):
            yield from _spoken(line, depth)
        before = line


def _strings(text: str) -> Iterator[tuple[int, int, bool]]:
    """Start and end of every quoted string, and whether it is the value of a key that is the program's own."""
    key, value_at = "", -1
    around = [("", False)]
    """Of each bracket, outermost first: the key before it, and whether what is in it is foreign."""
    for token in TOKEN.finditer(text):
        start, end = token.span()
        here = key if start == value_at else around[-1][0]
        if token["open"]:
            around.append((here if token["open"] == "[" else "", around[-1][1] or bool(CONTENT_KEY.match(here))))
        elif token["close"]:
            around = around[:-1] or around
        elif found := KEY_AFTER.match(text, end):
            key, value_at = token[0].strip("\"'"), found.end()
        elif token["string"]:
            yield start, end, bool(OWN_KEY.match(here)) and not around[-1][1]


def _unescaped(text: str) -> str:
    return ONE_ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else CONTROLS.get(found[2], found[2]), text)
