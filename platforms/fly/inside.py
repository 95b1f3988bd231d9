"""The only commands that may run inside of a machine: they look and change nothing."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from platforms.fly.errors import ForbiddenError

SCRIPTS = Path(__file__).parents[1] / "scripts"
"""For the shell of whatever image runs."""


def _script(name: str) -> tuple[str, ...]:
    return ("sh", "-c", (SCRIPTS / f"{name}.sh").read_text(encoding="utf-8"), name)


ENVIRON = ("cat", "/proc/self/environ")
FILESYSTEM = ("stat", "-f", "-c", "%T")
REACH = _script("reach")
MIGRATION = _script("migration")
PATH = r"/[\w./-]+"
FURTHER: Mapping[tuple[str, ...], str] = {
    ENVIRON: r"(?!)",
    FILESYSTEM: PATH,
    REACH: r"[\w:][\w.:-]*:\d{1,5}",
    MIGRATION: rf"{PATH}|\d{{1,9}}",
}
"""Beginning of a command to what each further word looks like."""


def line(beginning: Sequence[str], *further: str) -> str:
    """A command of `FURTHER` as one line, which is split again as a shell would, and run without one.

    Raises:
        ForbiddenError: a word does not look as it must.
    """
    text = shlex.join((*beginning, *further))
    require(text)
    return text


def require(text: str) -> None:
    """Refuse a line that is not one of `FURTHER`.

    Raises:
        ForbiddenError: it is none.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    for beginning, pattern in FURTHER.items():
        given = len(beginning)
        if words[:given] == list(beginning) and all(re.fullmatch(pattern, word, re.ASCII) for word in words[given:]):
            return
    raise ForbiddenError(f"{text[:60]!r} is not among the commands that may run inside of a machine")
