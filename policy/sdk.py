"""The policy SDK, made to say what is secret, and to work out each thing once: it does so for every resource."""

import threading
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pulumi_policy.policy as sdk
from pulumi.runtime.proto.analyzer_pb2 import RemediateResponse


def prepare() -> None:
    """Change the SDK for this pack; once a process, before the pack starts.

    Secrets keep their mark. Reading a resource takes longer than most rules do, and the SDK reads it anew for each:
    here, once for all of them. No rule rewrites a resource, and the SDK reads each one to find that out.

    Raises:
        KeyError: the SDK no longer reads properties in the way this relies on.
    """
    names = vars(sdk)
    read, guard, protobuf, servicer = (
        names[name]
        for name in ("deserialize_properties", "unknown_checking_proxy", "json_format", "_PolicyAnalyzerServicer")
    )
    reading = _Once(lambda properties: read(properties, proxy_secrets=True))
    names["deserialize_properties"] = lambda properties, _asked=True: reading(properties)
    names["unknown_checking_proxy"] = _Once(guard)
    names["json_format"] = SimpleNamespace(MessageToDict=_Once(protobuf.MessageToDict))
    servicer.Remediate = _nothing_to_remediate


def _nothing_to_remediate(_servicer: object, _request: object, _context: object) -> RemediateResponse:
    return RemediateResponse()


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
