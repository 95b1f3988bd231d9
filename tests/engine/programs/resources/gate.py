"""A dynamic provider in an importable module."""

from typing import Any

import pulumi
from pulumi import dynamic


class GateProvider(dynamic.ResourceProvider):
    """Counts the characters of a value."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Count."""
        return dynamic.CreateResult("gate", {**props, "length": len(props["value"])})


class Gate(dynamic.Resource, module="tests", name="Gate"):
    """A value whose length is known after it was created."""

    length: pulumi.Output[int]

    def __init__(self, name: str, value: pulumi.Input[str]) -> None:
        """Args: value: what to count."""
        super().__init__(GateProvider(), name, {"value": value, "length": None})
