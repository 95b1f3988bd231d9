"""What a rule is handed, as plain data in which unknown and secret values can be told.

The policy SDK shows a secret as its bare value, and raises when a rule looks at a value that a preview cannot know yet;
the engine turns that into a note that stops nothing. Rules therefore read properties through `plain` or `revealed` and
decide themselves what an unknown value means.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pulumi_policy import Secret, proxy


@dataclass(frozen=True)
class Unknown:
    """A value that a preview cannot know: an output of something that is not there yet."""


UNKNOWN: Final = Unknown()
_SENTINELS = frozenset(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_"))


def plain(value: Any) -> Any:
    """A property as dicts, lists and scalars; `UNKNOWN` for what is unknown, `Secret` around what is secret."""
    if isinstance(value, str):
        return UNKNOWN if value in _SENTINELS else value
    if isinstance(value, Secret):
        return Secret(plain(value.value))
    if isinstance(value, Mapping):
        raw = value if isinstance(value, dict) else value["__target"]
        return {key: plain(entry) for key, entry in raw.items()}
    if isinstance(value, Sequence):
        raw_list = value if isinstance(value, list | tuple) else value["__target"]  # type: ignore[call-overload]
        return [plain(entry) for entry in raw_list]
    return value


def revealed(value: Any) -> Any:
    """As `plain`, with every secret replaced by what it holds. Such a value must never enter a message."""
    return _reveal(plain(value))


def _reveal(value: Any) -> Any:
    if isinstance(value, Secret):
        return _reveal(value.value)
    if isinstance(value, dict):
        return {key: _reveal(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_reveal(entry) for entry in value]
    return value
