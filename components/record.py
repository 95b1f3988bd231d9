"""What a stack remembers of itself: part of its state, so that every machine knows it."""

from collections.abc import Iterable, Iterator

import pulumi

from components.base import Component
from policy.data_types import what_is
from switches import Switch


class Switches(Component):
    """The switches in force; declared first, so that they are recorded before anything that they change.

    Args:
        switches: see `switches`.
    """

    def __init__(self, switches: Iterable[Switch]) -> None:
        super().__init__("switches")
        self.register_outputs({"switches": [vars(switch) for switch in switches]})


class KnownData(Component):
    """URNs of all data that the stack has had: tells data that is new from data that vanished. Nothing is forgotten.

    Declare it last: it records what is declared by then.

    Args:
        before: what was recorded so far.
    """

    def __init__(self, before: Iterable[str]) -> None:
        super().__init__("known-data")
        root = pulumi.runtime.get_root_resource()
        declared = pulumi.Output.all(*(resource.urn for resource in _below(root))) if root else pulumi.Output.all()
        self.register_outputs({"data": declared.apply(lambda urns: _merged(before, urns))})


def _below(parent: pulumi.Resource) -> Iterator[pulumi.CustomResource]:
    for child in list(parent._childResources):  # noqa: SLF001 - the SDK tells a resource's children nowhere else
        if isinstance(child, pulumi.CustomResource):
            yield child
        yield from _below(child)


def _merged(before: Iterable[str], urns: Iterable[str]) -> list[str]:
    return sorted({*before, *(urn for urn in urns if what_is(urn))})
