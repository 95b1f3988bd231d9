"""The order in which the stack is proven: the one place where phases are wired."""

from collections.abc import Callable, Mapping, Sequence
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeVar

import pulumi

from checks.base import CheckResource
from components.context import Context

PhaseOrder = Literal["parallel", "strict"]


class Provable(Protocol):
    """A component and the gates that prove it."""

    gates: list[CheckResource]


Part = TypeVar("Part", bound=Provable)
Parts = ParamSpec("Parts")

ORDERS: Mapping[PhaseOrder, Mapping[str, Sequence[str]]] = {
    "parallel": {
        "clickhouse": (),
        "minio": (),
        "postgres": (),
        "redis": (),
        "langfuse-web": ("clickhouse", "minio", "postgres", "redis"),
        "langfuse-worker": ("langfuse-web",),
        "relay": (),
        "gateway": ("langfuse-web", "relay"),
        "proof": ("langfuse-worker", "gateway"),
        "monitoring": ("clickhouse", "minio", "postgres", "redis"),
    },
    "strict": {
        "clickhouse": (),
        "minio": ("clickhouse",),
        "postgres": ("minio",),
        "redis": ("minio",),
        "langfuse-web": ("postgres", "redis"),
        "langfuse-worker": ("langfuse-web",),
        "relay": ("langfuse-worker",),
        "gateway": ("relay",),
        "proof": ("gateway",),
        "monitoring": ("gateway",),
    },
}
"""Phase to the phases that must be proven before it starts."""


class Phases:
    """Remembers the gates of each phase and hands them to the phases that wait for them.

    Args:
        context: what every component takes; its settings choose the order.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._needs = ORDERS[context.settings.stack.phases]
        self._gates: dict[str, list[CheckResource]] = {}
        self.components: list[object] = []
        """All that were added."""

    def add(
        self,
        phase: str,
        build: Callable[Concatenate[Context, Sequence[pulumi.Resource], Parts], Part],
        *parts: Parts.args,
        **named: Parts.kwargs,
    ) -> Part:
        """Build the component of `phase`, which starts once every phase it needs is proven.

        Args:
            phase: its name.
            build: the component.
            parts: other components that it uses.
            named: the same by name.
        """
        after = [gate for needed in self._needs[phase] for gate in self._gates[needed]]
        component = build(self._context, after, *parts, **named)
        self._gates[phase] = component.gates
        self.components.append(component)
        return component

    def once_proven(self, phase: str, value: str) -> pulumi.Output[str] | None:
        """`value` once all gates of a phase are open; `None` where it has none, as while the stack is stopped."""
        gates = self._gates[phase]
        return pulumi.Output.all(*(gate.result for gate in gates)).apply(lambda _: value) if gates else None

    @property
    def results(self) -> dict[str, pulumi.Output[str]]:
        """Gate to result, in the order of the phases."""
        return {gate.gate_name: gate.result for gates in self._gates.values() for gate in gates}
