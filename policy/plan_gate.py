"""The plan gate: refuses every step that would delete, replace or shadow data, and lists all of them at once."""

import datetime as dt
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy import addresses, servers
from policy.allowed_changes import Allowed, Operation
from policy.data_types import what_is
from policy.fly import SERVICE, is_a
from policy.guards import GUARDS, guards_of
from policy.inventories import Inventory
from policy.mounts import mounts, undeclared
from policy.plan import Plan, Step
from policy.values import revealed

GATE_TYPES = "pulumi-python:dynamic/checks:"
HARMLESS = frozenset({"same", "create", "update", "refresh", "diff", "extend-parameterize"})
REPLACES = frozenset(
    {
        "replace",
        "create-replacement",
        "delete-replaced",
        "discard-replaced",
        "read-replacement",
        "import-replacement",
        "remove-pending-replace",
    }
)
DELETES = frozenset({"delete", "discard"})
IMPORTS = frozenset({"import", "read"})
IDENTITY: Mapping[str, str] = {
    "docker:index/volume:Volume": "name",
    "pulumi-python:dynamic/checks:Bucket": "name",
    "pulumi-python:dynamic/checks:LangfuseSchema": "schema",
}
"""Type of data to the input that says which physical thing of the stack it is."""

PUT_BACK = "put its declaration back under the same name, parent and settings"
FIXES: Mapping[Operation, str] = {
    "delete": f"{PUT_BACK}; a moved one needs an alias",
    "replace": f"{PUT_BACK}; what cannot change in place stays as it is",
    "create": "find out where it went before anything fills an empty one: docs/data-safety.md, 'Vanished data'",
    "import": "take the `import_` or `get` away: the program makes its own data, and keeps it",
    "unguard": "declare it with components.base, which sets protect, retain_on_delete and the delete hook",
    "share": "keep one declaration of it; another stack needs another langfuse-stack:instance",
    "mount": "take the mount out; who may mount a volume stands in its entry in policy/inventory, `mountedBy`",
    "readdress": "put the setting back; to go there on purpose: docs/data-safety.md, 'Addresses of data'",
}
DOWNGRADE = "downgrade"
"""An operation that no allow list entry lets through: the older server would spoil what it opens."""


@dataclass(frozen=True)
class Refusal:
    """One thing that the gate does not let happen."""

    urn: str
    operation: Operation | str
    """As an allow list entry names it; the engine's own word when that is unknown."""
    what: str
    """The data, in words."""
    why: str
    fix: str

    @property
    def name(self) -> str:
        """Logical name of the resource."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True)
class Verdict:
    """What the gate says about a plan."""

    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...]
    """About the allow list: what was used, is unused or has expired."""


def judge(
    plan: Plan,
    state: Sequence[Mapping[str, Any]],
    allowed: Iterable[Allowed],
    today: dt.date,
    *,
    known: Container[str] | None = None,
    inventory: Inventory | None = None,
) -> Verdict:
    """Compare a plan with what must never happen to data.

    Args:
        plan: the preview's steps.
        state: resources in the stack's state before the run.
        allowed: the allow list; expired entries do not count.
        today: decides what has expired.
        known: URNs of data that the stack is known to have had; other data is new. None when nobody knows: then
            anything that a proven gate stands on may have been there.
        inventory: says who may mount which volume; without one, the policy pack refuses the run.
    """
    found = list(
        dict.fromkeys(
            [
                *_steps(plan),
                *_vanished(plan, state, known),
                *_unguarded(plan),
                *_shared(plan, state),
                *_mounted(plan, inventory),
                *_changed(plan, state),
            ]
        )
    )
    entries = list(allowed)
    alive = {(entry.urn, entry.operation): entry for entry in entries if entry.is_alive(today)}
    refused = tuple(refusal for refusal in found if (refusal.urn, refusal.operation) not in alive)
    used = {(refusal.urn, refusal.operation) for refusal in found}
    return Verdict(refused, tuple(_note(entry, used, today) for entry in entries))


def _note(entry: Allowed, used: set[tuple[str, Operation | str]], today: dt.date) -> str:
    name = f"{entry.operation} of {entry.urn}"
    if not entry.is_alive(today):
        return f"expired on {entry.expires} and ignored: {name}; remove the entry"
    if (entry.urn, entry.operation) in used:
        return f"let through until {entry.expires}: {name} ({entry.reason})"
    return f"not needed by this plan: {name}; remove the entry"


def _steps(plan: Plan) -> Iterator[Refusal]:
    """Operations that lose data, one refusal for a resource and kind however many steps it takes."""
    changed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for step in plan.steps:
        what = what_is(step.urn)
        if what is None:
            if step.op not in HARMLESS | REPLACES | DELETES | IMPORTS:
                yield _unknown(step, "a resource")
        elif step.op in DELETES:
            changed[step.urn, "delete"] += []
        elif step.op in REPLACES:
            changed[step.urn, "replace"] += step.changed
        elif _moves(step):
            changed[step.urn, "replace"] += ["provider"]
        elif step.op in IMPORTS or (step.new or {}).get("importID"):
            changed[step.urn, "import"] += []
        elif step.op not in HARMLESS:
            yield _unknown(step, what)
    for (urn, kind), inputs in changed.items():
        reasons = ", ".join(dict.fromkeys(inputs))
        yield _refusal(urn, _KINDS[kind], _WHY[kind] + (f" (changed: {reasons})" if reasons else ""))


def _moves(step: Step) -> bool:
    """Whether another provider would look after it from now on, which is another machine or account."""
    before, after = (str((state or {}).get("provider") or "").rpartition("::")[0] for state in (step.old, step.new))
    names = {provider.rpartition("::")[2] for provider in (before, after)}
    return bool(before and after) and before != after and not all(name.startswith("default") for name in names)


_KINDS: Mapping[str, Operation] = {"delete": "delete", "replace": "replace", "import": "import"}
_WHY: Mapping[str, str] = {
    "delete": "the program no longer declares it, so it would be deleted",
    "replace": "it would be replaced by a new, empty one",
    "import": "it would be taken over from outside, whatever holds it now",
}


def _unknown(step: Step, what: str) -> Refusal:
    fix = "use the engine that this program is tested with (toolchain/engine.py), or teach the gate the operation"
    return Refusal(step.urn, step.op, what, f"the gate does not know the operation {step.op!r}", fix)


def _vanished(plan: Plan, state: Sequence[Mapping[str, Any]], known: Container[str] | None) -> Iterator[Refusal]:
    """Data that is to be created although a gate that stands on it was proven before: was present, now missing."""
    checked = {entry["urn"] for entry in state if str(entry.get("type", "")).startswith(GATE_TYPES)}
    proven = {urn for urn in checked if what_is(urn) is None}
    planned = {step.urn: step.new for step in plan.steps if step.new}
    stands_on = {urn: gate for gate in sorted(proven & planned.keys()) for urn in _closure(gate, planned)}
    for step in plan.steps:
        if step.op != "create" or not what_is(step.urn):
            continue
        if known is not None and step.urn in known and step.urn not in stands_on:
            yield _refusal(
                step.urn, "create", "was present, now missing: this stack has had it, a new one would be empty"
            )
        if step.urn in stands_on and (known is None or step.urn in known):
            gate = stands_on[step.urn].rpartition("::")[2]
            yield _refusal(
                step.urn, "create", f"was present, now missing: {gate} was proven on it, and a new one would be empty"
            )


def _closure(urn: str, planned: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Everything that `urn` depends on, directly or through others."""
    seen: set[str] = set()
    todo = [urn]
    while todo:
        entry = planned.get(todo.pop(), {})
        needed = {*(entry.get("dependencies") or ()), *_property_dependencies(entry)}
        todo += needed - seen
        seen |= needed
    return seen


def _property_dependencies(entry: Mapping[str, Any]) -> Iterator[str]:
    for urns in (entry.get("propertyDependencies") or {}).values():
        yield from urns or ()


def _unguarded(plan: Plan) -> Iterator[Refusal]:
    for step in plan.steps:
        if step.new is None or not what_is(step.urn) or step.op in DELETES:
            continue
        present = guards_of(step.new)
        missing = [guard for guard in GUARDS if guard not in present]
        if missing:
            yield _refusal(step.urn, "unguard", f"it is declared without {', '.join(missing)}")


def _shared(plan: Plan, state: Sequence[Mapping[str, Any]]) -> Iterator[Refusal]:
    """One physical thing behind two resources: deleting or emptying either hits both."""
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    planned = [step.new for step in plan.steps if step.new]
    for entry in (*state, *planned):
        kind = str(entry.get("type", ""))
        thing = (entry.get("inputs") or {}).get(IDENTITY.get(kind, ""))
        if isinstance(thing, str):
            owners[kind, thing].add(str(entry["urn"]))
    moved = {alias for entry in planned for alias in entry.get("aliases") or ()}
    for (_, thing), urns in owners.items():
        first, *rivals = sorted(urns - moved) or [""]
        for urn in rivals:
            yield _refusal(urn, "share", f"{first.rpartition('::')[2]} already stands for {thing}")


def _mounted(plan: Plan, inventory: Inventory | None) -> Iterator[Refusal]:
    """What mounts a volume that it may not. Of what Fly runs a plan shows nothing: there the pack alone can tell."""
    for step in plan.steps:
        if inventory and step.new and step.op not in DELETES and mounts(step.urn) and not is_a(SERVICE, step.urn):
            for why in undeclared(step.urn, revealed(step.new.get("inputs") or {}), inventory):
                yield _refusal(step.urn, "mount", why)


def _changed(plan: Plan, state: Sequence[Mapping[str, Any]]) -> Iterator[Refusal]:
    """Data that nothing would read any more, and servers that cannot open what is there."""
    before = {str(entry["urn"]): entry for entry in state}
    for step in plan.steps:
        kind, old = step.urn.split("::")[2].rpartition("$")[2], step.old or before.get(step.urn)
        if old is None or step.new is None or step.op in DELETES:
            continue
        for why in addresses.moved(kind, old, step.new):
            yield _refusal(step.urn, "readdress", why)
        if refused := servers.refusal(kind, old, step.new):
            yield Refusal(step.urn, DOWNGRADE, what_is(step.urn) or "the proof of a store", *refused)


def _refusal(urn: str, operation: Operation, why: str) -> Refusal:
    return Refusal(urn, operation, what_is(urn) or "a resource", why, FIXES[operation])
