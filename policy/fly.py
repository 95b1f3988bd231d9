"""What a Fly command resource asks for: the JSON request on its standard input."""

import json
from collections.abc import Mapping
from typing import Any

from policy.data_types import type_chain
from policy.values import Unknown, revealed

APP = "langfuse-stack:fly:App$command:local:Command"
VOLUME = "langfuse-stack:fly:Volume$command:local:Command"
SECRETS = "langfuse-stack:fly:Secrets$command:local:Command"
SERVICE = "langfuse-stack:fly:Service$command:local:Command"


class RequestError(Exception):
    """A command has no readable request."""


def is_a(kind: str, urn: str) -> bool:
    """Whether the resource is a command of that kind: one of the constants here."""
    chain = type_chain(urn)
    return chain == kind or chain.endswith(f"${kind}")


def request(props: Any) -> Mapping[str, Any] | Unknown:
    """The request, secrets revealed; `UNKNOWN` while a preview cannot know it.

    Raises:
        RequestError: it is absent or not a JSON object.
    """
    text = revealed(props).get("stdin")
    if isinstance(text, Unknown):
        return text
    try:
        content = json.loads(text)
    except (TypeError, ValueError):
        raise RequestError("its standard input is not JSON") from None
    if isinstance(content, dict):
        return dict(content)
    raise RequestError("its standard input is not a JSON object")
