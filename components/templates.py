"""Reads the configuration files beside this module. A variable that a file names and nobody gives is an error."""

from pathlib import Path
from string import Template

FILES = Path(__file__).parent / "files"


def read(name: str) -> str:
    """The text of `files/<name>` as it is."""
    return (FILES / name).read_text(encoding="utf-8")


def render(name: str, **values: object) -> str:
    """The text of `files/<name>` with its `$variables` filled in.

    Raises:
        KeyError: the file names a variable that was not given.
    """
    return Template(read(name)).substitute(values)
