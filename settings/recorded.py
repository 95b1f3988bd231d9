"""What the stack's state records beside resources, as the engine tells the running program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

import switches
from switches import Switch

READ = "pulumi:pulumi:readStackResourceOutputs"
KNOWN_DATA = "langfuse-stack:index:KnownData"


@dataclass(frozen=True)
class Recorded:
    """Of the last run that recorded anything, wherever it ran."""

    switches: Sequence[Switch] = ()
    known_data: frozenset[str] | None = None
    """URNs of all data that the stack has had; None where no run has recorded it."""


NOTHING = Recorded()


def of_resources(resources: Sequence[Mapping[str, Any]]) -> Recorded:
    """What the state records.

    Args:
        resources: of the state, or what the engine tells of them: `type` and `outputs` of each.

    Raises:
        SwitchesError: the switches there are none.
    """
    known = [(entry.get("outputs") or {}).get("data") or [] for entry in resources if entry.get("type") == KNOWN_DATA]
    return Recorded(switches.recorded(resources), frozenset(map(str, known[0])) if known else None)


def of_engine() -> Recorded:
    """What the state of the running stack records.

    Raises:
        SwitchesError: the switches there are none.
    """
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    told = pulumi.runtime.invoke(READ, {"stackName": stack}).value or {}
    return of_resources(list((told.get("outputs") or {}).values()))
