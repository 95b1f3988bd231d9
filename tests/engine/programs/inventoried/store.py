"""A bucket and a schema that need no server."""

from typing import Any

from pulumi import ResourceOptions, dynamic


class Provider(dynamic.ResourceProvider):
    """Keeps what it is given; lets everything be removed."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Made."""
        return dynamic.CreateResult(id_="made", outs=props)


class Bucket(dynamic.Resource, module="checks", name="Bucket"):
    """As the product's, to the engine."""

    def __init__(self, name: str, inputs: dict[str, Any], opts: ResourceOptions) -> None:
        super().__init__(Provider(), name, inputs, opts)


class LangfuseSchema(dynamic.Resource, module="checks", name="LangfuseSchema"):
    """As the product's, to the engine."""

    def __init__(self, name: str, inputs: dict[str, Any], opts: ResourceOptions) -> None:
        super().__init__(Provider(), name, inputs, opts)
