"""Switches: settings that an operator changed in an incident, without an edit of the settings file.

They are part of the stack's state, so that every machine, operator commands and plain `pulumi` see the same ones. Each
stays until it is taken back, and every run says so.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SETTING = "langfuse-stack:switches"
"""Setting that replaces the recorded switches: an operator command gives it to the run that changes one."""
RESOURCE = "langfuse-stack:index:Switches"
"""Type of the resource that records them; its output is `switches`."""


class SwitchesError(Exception):
    """The switches in the state or in the settings are none."""


@dataclass(frozen=True)
class Switch:
    """One setting that is held at another value than the settings file's."""

    key: str
    """Full key, for example `gateway:tracing`."""
    value: str
    since: str
    """UTC, ISO 8601."""
    who: str
    undo: str
    """The command that takes it back."""

    def __str__(self) -> str:
        """For the operator: what is held, since when, by whom, and how it is taken back."""
        return f"{self.key} is held at {self.value} since {self.since} by {self.who}; `{self.undo}` takes it back"


def parse(text: str) -> tuple[Switch, ...]:
    """The switches in the value of `SETTING`.

    Raises:
        SwitchesError: it is not a JSON list of switches.
    """
    try:
        return _typed(json.loads(text))
    except (ValueError, TypeError) as error:
        raise SwitchesError(f"{SETTING} is not a list of switches ({error}): `pulumi config rm {SETTING}`") from None


def as_text(switches: Iterable[Switch]) -> str:
    """The value of `SETTING` for these switches."""
    return json.dumps([vars(switch) for switch in switches])


def recorded(resources: Iterable[Mapping[str, Any]]) -> tuple[Switch, ...]:
    """The switches that the state records; none for a stack that has had none.

    Args:
        resources: of the state, or what the engine tells of them: `type` and `outputs` of each.

    Raises:
        SwitchesError: what is recorded is none.
    """
    for entry in resources:
        if entry.get("type") == RESOURCE:
            try:
                return _typed((entry.get("outputs") or {}).get("switches") or [])
            except TypeError as error:
                raise SwitchesError(
                    f"the state records switches that this program does not know ({error}): "
                    "use the version that wrote them to take them back"
                ) from None
    return ()


def _typed(entries: Any) -> tuple[Switch, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise TypeError("it must be a list of objects")
    return tuple(Switch(**entry) for entry in entries)
