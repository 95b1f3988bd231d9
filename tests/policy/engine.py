"""What the engine hands a rule, made by hand."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from pulumi_policy import Secret

STACK = "test"
PINNED = "sha256:" + "a" * 64


def urn(chain: str, name: str = "thing") -> str:
    return f"urn:pulumi:{STACK}::langfuse-stack::{chain}::{name}"


def resource(
    chain: str,
    props: Mapping[str, Any] | None = None,
    *,
    name: str = "thing",
    protect: bool = True,
    delete_before_replace: bool | None = None,
    config: Mapping[str, Any] | None = None,
) -> Any:
    """A resource by its type chain."""
    return SimpleNamespace(
        resource_type=chain.rsplit("$", 1)[-1],
        name=name,
        urn=urn(chain, name),
        props=dict(props or {}),
        opts=SimpleNamespace(protect=protect, delete_before_replace=delete_before_replace),
        get_config=lambda: dict(config or {}),
    )


def request(chain: str, content: Mapping[str, Any], *, name: str = "thing", secret: bool = False, **more: Any) -> Any:
    """A Fly command with this request."""
    text = json.dumps(content)
    return resource(chain, {"stdin": Secret(text) if secret else text, **more}, name=name)


def violations(rule: Any, args: Any) -> list[str]:
    """Messages of a rule about what the engine hands it."""
    found: list[str] = []
    rule(args, lambda message, _urn: found.append(message))
    return found
