"""Which resources hold data, or open it. A test compares this list with what the components declare."""

from collections.abc import Mapping

DATA_TYPES: Mapping[str, str] = {
    "docker:index/volume:Volume": "a volume",
    "pulumi-python:dynamic/checks:Bucket": "a bucket",
    "pulumi-python:dynamic/checks:DataKeys": "the memory of the keys that stored data depends on",
    "pulumi-python:dynamic/checks:LangfuseSchema": "a database schema",
    "random:index/randomBytes:RandomBytes": "a secret that opens or decrypts data",
    "random:index/randomId:RandomId": "a key that traces are sent with",
    "random:index/randomPassword:RandomPassword": "a password",
    "langfuse-stack:fly:App$command:local:Command": "an app that owns its volumes",
    "langfuse-stack:fly:Volume$command:local:Command": "a volume",
}
"""Type to what it is, in words. `parent$child` stands for a child of that type under a parent of that type."""


def type_chain(urn: str) -> str:
    """Types of a resource and of its parents, outermost first, joined by `$`.

    Args:
        urn: `urn:pulumi:<stack>::<project>::<types>::<name>`.
    """
    return urn.split("::", 3)[2]


def what_is(urn_or_type: str) -> str | None:
    """What kind of data a resource holds, in words; None when it holds none.

    Args:
        urn_or_type: URN, type chain (`parent$child`) or type. A type alone cannot say whether a command is data: that
            takes its parent's type too.
    """
    chain = type_chain(urn_or_type) if urn_or_type.startswith("urn:") else urn_or_type
    innermost = chain.rsplit("$", 2)
    return DATA_TYPES.get(innermost[-1]) or DATA_TYPES.get("$".join(innermost[-2:]))
