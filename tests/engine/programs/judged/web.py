"""A gate of Langfuse's web that proves nothing."""

from typing import Any

from pulumi import dynamic


class Provider(dynamic.ResourceProvider):
    """Keeps what it is given."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Made."""
        return dynamic.CreateResult(id_="made", outs=props)


class LangfuseWeb(dynamic.Resource, module="checks", name="LangfuseWeb"):
    """As the product's, to the engine and the pack."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(Provider(), name, {"version": version})
