"""Secrets as the lines that `fly secrets import` reads from its standard input.

Its reader takes a line at a time: it removes quotes around a value and what follows a `#` outside of quotes, opens a
value of several lines with three quotes, and ends without a word at a line longer than its buffer. What cannot pass
unchanged is refused by name.
"""

import re
from collections.abc import Mapping

from platforms.fly.errors import SecretValueError

LONGEST_LINE = 60_000
"""Bytes; the reader's buffer has 65536."""
BLOCK = '"""'


def lines(values: Mapping[str, str]) -> str:
    """Standard input for `fly secrets import`.

    Args:
        values: value by name.

    Raises:
        SecretValueError: names every secret that cannot be handed over unchanged, never its value.
    """
    wrong, written = [], []
    for name, value in sorted(values.items()):
        reason = _name_fault(name) or _value_fault(value)
        spelled = None if reason else _spelled(value)
        if spelled is None:
            wrong.append(f"{name}: {reason or 'fly would change its quotes, its # or its line ends'}")
        else:
            written.append(f"{name}={spelled}\n")
    if wrong:
        raise SecretValueError(
            "\n".join(("these cannot be handed to fly unchanged", *(f"    - {fault}" for fault in wrong))),
            "change them in the vault file, langfuse-stack:vault",
        )
    return "".join(written)


def _name_fault(name: str) -> str | None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
        return "names have letters, digits and underscores only"
    return "names that begin with FLY_ belong to Fly" if name.startswith("FLY_") else None


def _value_fault(value: str) -> str | None:
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        return "the value has a character that no environment variable can hold"
    if any(len(line.encode()) > LONGEST_LINE for line in value.split("\n")):
        return f"the value has a line of more than {LONGEST_LINE} bytes"
    return None


def _spelled(value: str) -> str | None:
    if "\n" not in value:
        return next((text for text in (value, f'"{value}"') if _as_read(text) == value), None)
    first, *middle, _ = value.split("\n")
    lost = _ends_in_comment(BLOCK + first) or any(line.endswith((BLOCK, "\r")) for line in (first, *middle))
    return None if lost else f"{BLOCK}{value}{BLOCK}"


def _as_read(text: str) -> str | None:
    """What the reader makes of the value of one line; None when it would read on, or fail."""
    if text.endswith("\r"):
        return None
    text = text.lstrip(" ")
    if _ends_in_comment(text):
        text = text.partition("#")[0].rstrip(" ")
    if text.startswith(BLOCK) or text in ("'", '"'):
        return None
    return text[1:-1] if text[:1] in ("'", '"') and text[:1] == text[-1:] else text


def _ends_in_comment(text: str) -> bool:
    before, mark, _ = text.partition("#")
    return bool(mark) and before.count('"') % 2 == 0
