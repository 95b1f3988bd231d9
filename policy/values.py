"""What a rule is handed, as plain data in which unknown and secret values can be told.

The policy SDK shows a secret as its bare value, and raises when a rule looks at a value that a preview cannot know yet;
the engine turns that into a note that stops nothing. Rules therefore read properties through `plain` or `revealed` and
decide themselves what an unknown value means.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import pulumi_policy.policy as sdk
from pulumi_policy import Secret, proxy


@dataclass(frozen=True)
class Unknown:
    """A value that a preview cannot know: an output of something that is not there yet."""


UNKNOWN: Final = Unknown()
_SENTINELS = frozenset(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_"))


def keep_secrets() -> None:
    """Have the SDK say which values are secret; once a process, before the pack starts.

    Reading a resource takes longer than most rules do, and the SDK reads it anew for each: here, once for all of them.

    Raises:
        KeyError: the SDK no longer reads properties in the way this relies on.
    """
    names = vars(sdk)
    read, guard, protobuf = (
        names[name] for name in ("deserialize_properties", "unknown_checking_proxy", "json_format")
    )
    reading = _Once(lambda properties: read(properties, proxy_secrets=True))
    names["deserialize_properties"] = lambda properties, _asked=True: reading(properties)
    names["unknown_checking_proxy"] = _Once(guard)
    names["json_format"] = SimpleNamespace(MessageToDict=_Once(protobuf.MessageToDict))


class _Once:
    """A function of one object, which does not work again for what its thread asked for in the last two calls.

    Two, since the SDK reads a resource and its provider in turns.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function
        self._threads = threading.local()

    def __call__(self, argument: Any) -> Any:
        last: deque[tuple[Any, Any]] = self._threads.__dict__.setdefault("last", deque(maxlen=2))
        for asked, result in last:
            if asked is argument:
                return result
        result = self._function(argument)
        last.append((argument, result))
        return result


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
