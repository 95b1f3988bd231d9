"""Asks for a name before something is removed."""

import sys

from ops.session import RefusedError
from ops.terminal import Console


def require_typed(what: str, name: str, console: Console) -> None:
    """Ask for the name of what goes, and read it from standard input.

    Args:
        what: that is named, for example `volume`.
        name: that must be typed.
        console: takes the question.

    Raises:
        RefusedError: something else was typed.
    """
    console.print(f"Type the {what}'s name to go on: ", end="")
    if sys.stdin.readline().strip() != name:
        console.print()
        raise RefusedError(f"that is not the {what}'s name: nothing was touched")
