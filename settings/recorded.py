"""What the stack's state records beside resources, as the engine tells the running program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from settings import switches
from settings.switches import Switch

READ = "pulumi:pulumi:readStackResourceOutputs"
HISTORY = "langfuse-stack:index:History"
STACK = "pulumi:pulumi:Stack"
FOREIGN = "pulumi-python:dynamic/checks:ForeignUntouched"
CONTAINER = "docker:index/container:Container"
ORGANIZATION = {"id": "LANGFUSE_INIT_ORG_ID", "name": "LANGFUSE_INIT_ORG_NAME"}
"""Fields of the first organization to what web is told of them."""
RELAY = "langfuse-stack:index:Relay"
MIGRATIONS = "pulumi-python:dynamic/checks:Migrations"


@dataclass(frozen=True)
class Recorded:
    """Of the last run that recorded anything, wherever it ran."""

    switches: Sequence[Switch] = ()
    known_data: frozenset[str] | None = None
    """URNs of all data that the stack has had; None where no run has recorded it."""
    release: str | None = None
    """Version of Langfuse that migrated the stack's data; None for none."""
    stale_snapshot: str | None = None
    """When the last snapshot of foreign schemas was taken that was never compared: the run ended before that. It stays
    the same until there is another one, so that the gate takes it again once; None for none."""
    owner_email: str | None = None
    """Of the first user of Langfuse, as the last run made sure of it."""
    organization: Mapping[str, str] = field(default_factory=dict)
    """`id` and `name` of the first organization; nothing where none was made."""
    relay_accepts: Sequence[str] = field(default=(), repr=False)
    """Basic credentials of senders, those in use first. Only the engine tells them in the clear."""

    def credentials_before(self, now: str) -> str | None:
        """The newest that the relay accepts besides those of now; None where there are none."""
        return next((each for each in self.relay_accepts if each != now), None)


NOTHING = Recorded()


def of_resources(resources: Sequence[Mapping[str, Any]]) -> Recorded:
    """What the state records.

    Args:
        resources: of the state, or what the engine tells of them: `type` and `outputs` of each.

    Raises:
        SwitchesError: the switches there are none.
    """
    outputs = {str(entry.get("type")): entry.get("outputs") or {} for entry in resources}
    history = outputs.get(HISTORY, {})
    known = history.get("data")
    # A state of before there was a history has the version among what it exports.
    release = history.get("release") or outputs.get(STACK, {}).get("release")
    gate, proof = (outputs.get(kind, {}) for kind in (MIGRATIONS, FOREIGN))
    taken, compared = (_taken_at(look) for look in ((gate.get("evidence") or {}).get("foreign"), proof.get("before")))
    return Recorded(
        switches.recorded(resources),
        None if known is None else frozenset(map(str, known)),
        release or None,
        gate.get("retake") if taken == compared else taken,
        outputs.get(STACK, {}).get("owner_email") or None,
        _organization(outputs.get(STACK, {}), resources),
        outputs.get(RELAY, {}).get("accepted") or (),
    )


def _organization(exported: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """The organization among what the stack exports; a state of before that has it in web's environment alone."""
    named = {part: str(exported[f"organization_{part}"]) for part in ORGANIZATION if f"organization_{part}" in exported}
    if named:
        return named
    for entry in resources:
        envs = (entry.get("outputs") or {}).get("envs") if entry.get("type") == CONTAINER else None
        given = dict(str(env).partition("=")[::2] for env in envs) if isinstance(envs, Sequence) else {}
        if ORGANIZATION["id"] in given:
            return {part: given[name] for part, name in ORGANIZATION.items() if name in given}
    return {}


def _taken_at(snapshot: Mapping[str, Any] | None) -> str | None:
    return (snapshot or {}).get("taken_at")


def of_engine() -> Recorded:
    """What the state of the running stack records.

    Raises:
        SwitchesError: the switches there are none.
    """
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    told = pulumi.runtime.invoke(READ, {"stackName": stack}).value or {}
    return of_resources(list((told.get("outputs") or {}).values()))
