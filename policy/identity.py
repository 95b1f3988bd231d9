"""What makes a data resource the one it is: inputs whose change would lead to another, empty one."""

from collections.abc import Callable, Mapping
from typing import Any

from policy import fly
from policy.data_types import type_chain
from policy.values import UNKNOWN, Unknown, revealed

Identity = Mapping[str, Any]

INPUTS: Mapping[str, Mapping[str, Any]] = {
    "docker:index/volume:Volume": {"name": None, "driver": "local"},
    "pulumi-python:dynamic/checks:Bucket": {"name": None},
    "pulumi-python:dynamic/checks:DataKeys": {},
    "pulumi-python:dynamic/checks:LangfuseSchema": {"schema": None, "role": None},
    "random:index/randomBytes:RandomBytes": {"length": None, "keepers": None},
    "random:index/randomId:RandomId": {"byteLength": None, "prefix": None, "keepers": None},
    "random:index/randomPassword:RandomPassword": {
        "length": None,
        "keepers": None,
        "overrideSpecial": None,
        "lower": True,
        "upper": True,
        "number": True,
        "numeric": True,
        "special": True,
        "minLower": 0,
        "minUpper": 0,
        "minNumeric": 0,
        "minSpecial": 0,
    },
}
"""Type to its identity's inputs, each with the value that leaving it out stands for."""

REQUESTS: Mapping[str, tuple[str, ...]] = {
    fly.VOLUME: ("app", "name", "region", "size_gb"),
    fly.APP: ("app", "org"),
}
"""Kind of Fly command to its identity's fields in the request."""

NEVER_SMALLER = frozenset({"size_gb"})
PHYSICAL = ("app", "name", "schema")
"""Fields that together name one thing outside the stack; secrets have none."""


def identity_of(urn: str, props: Any) -> Identity | Unknown:
    """What must not change about a data resource. Defaults are filled in, so that spelling one out changes nothing.

    Args:
        urn: of a resource for which `policy.data_types.what_is` has an answer.
        props: its inputs or outputs.

    Returns:
        field to value; `UNKNOWN` when a preview cannot know one of them.

    Raises:
        policy.fly.RequestError: a Fly command without a readable request.
        KeyError: a data type whose identity nobody has stated.
    """
    known = revealed(props)
    for kind, fields in REQUESTS.items():
        if fly.is_a(kind, urn):
            request = fly.request(props)
            scripts = {name: known[name] for name in ("delete", "triggers") if known.get(name)}
            if isinstance(request, Unknown):
                return UNKNOWN
            return {**{name: request[name] for name in fields if name in request}, **scripts}
    defaults = INPUTS[type_chain(urn).rsplit("$", 1)[-1]]
    values = {name: default if known.get(name) is None else _number(known[name]) for name, default in defaults.items()}
    return UNKNOWN if UNKNOWN in values.values() else {name: v for name, v in values.items() if v is not None}


def differences(recorded: Identity, declared: Identity) -> list[str]:
    """Every field in which a declaration is not what was recorded, in words; a size may grow."""
    return [
        f"{name} was {_said(recorded, name)} and is now {_said(declared, name)}"
        for name in sorted(recorded.keys() | declared.keys())
        if not _compatible(name)(recorded.get(name), declared.get(name))
    ]


def physical(type_: str, identity: Identity) -> tuple[Any, ...] | None:
    """What a resource is called outside the stack, None for a secret.

    Args:
        type_: type chain.
        identity: as `identity_of` returns it.
    """
    names = [identity.get(field) for field in PHYSICAL]
    return (type_.rsplit("$", 1)[-1], *names) if any(names) else None


def _compatible(name: str) -> Callable[[Any, Any], bool]:
    return _not_smaller if name in NEVER_SMALLER else _equal


def _not_smaller(recorded: Any, declared: Any) -> bool:
    return isinstance(declared, int | float) and (recorded is None or declared >= recorded)


def _equal(recorded: Any, declared: Any) -> bool:
    return bool(recorded == declared)


def _said(identity: Identity, name: str) -> str:
    return repr(identity[name]) if name in identity else "not set"


def _number(value: Any) -> Any:
    """The engine hands every number over as a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
