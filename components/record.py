"""What a stack remembers of itself: part of its state, so that every machine knows it."""

from collections.abc import Iterable, Iterator

import pulumi

from components.base import Component
from policy.data_types import what_is
from settings.recorded import Recorded
from settings.switches import Switch


class Switches(Component):
    """The switches in force; declared first, so that they are recorded before anything that they change.

    Args:
        switches: see `switches`.
    """

    def __init__(self, switches: Iterable[Switch]) -> None:
        super().__init__("switches")
        self.register_outputs({"switches": [vars(switch) for switch in switches]})


class History(Component):
    """What the stack has had.

    Its outputs: `data`, the URNs of all data that there ever was, which tell data that is new from data that vanished;
    `release`, the version of Langfuse that migrated the data and was proven.

    Args:
        parts: all components, fully declared.
        before: what is recorded so far.
        proven: version of Langfuse, once it is proven; `None` while the stack is stopped.
    """

    def __init__(self, parts: Iterable[object], before: Recorded, proven: pulumi.Output[str] | None) -> None:
        super().__init__("history")
        declared = pulumi.Output.all(*(resource.urn for part in parts for resource in _below(part)))
        data = declared.apply(lambda urns: _merged(before.known_data or (), urns))
        self.register_outputs({"data": data, "release": proven or before.release or ""})


def _below(parent: object) -> Iterator[pulumi.CustomResource]:
    if not isinstance(parent, pulumi.Resource):
        return
    for child in list(parent._childResources):  # noqa: SLF001 - the SDK tells a resource's children nowhere else
        if isinstance(child, pulumi.CustomResource):
            yield child
        yield from _below(child)


def _merged(before: Iterable[str], urns: Iterable[str]) -> list[str]:
    return sorted({*before, *(urn for urn in urns if what_is(urn))})
