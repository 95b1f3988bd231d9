"""`data-inventory-present`: the program declares exactly the data that the stack's inventory lists.

A pack never sees a deletion: what was removed is merely absent. The inventory is what it is missed by.
"""

from collections.abc import Iterator, Mapping, Sequence

from pulumi_policy import EnforcementLevel, PolicyResource, ReportViolation, StackValidationArgs, StackValidationPolicy

from policy import fly
from policy.data_types import what_is
from policy.identity import Identity, differences, identity_of, physical
from policy.inventories import InventoryError, Key, command, key_of, read, stack_of
from policy.values import Unknown

STACK = "pulumi:pulumi:Stack"
STAYS = "Nothing of it was removed: put its declaration back under the same name, parent and settings."


def data_inventory_present(args: StackValidationArgs, report: ReportViolation) -> None:
    """Report data that is missing, changed, not listed, listed twice, or not to be identified before `up`."""
    stack = stack_of(next(entry.urn for entry in args.resources if entry.resource_type == STACK))
    try:
        inventory = read(stack)
    except InventoryError as error:
        report(str(error), None)
        return
    declared = {key_of(entry.urn): entry for entry in args.resources if what_is(entry.urn)}
    for key in inventory.resources.keys() - declared.keys():
        type_, name = key
        report(
            f"{name} ({type_.rsplit('$')[-1]}) is in the inventory of stack {stack} and no longer in the program: "
            f"{what_is(type_) or 'data'} was removed, renamed or moved. {STAYS}",
            None,
        )
    identities = dict(_identities(declared, report))
    for key, identity in identities.items():
        wrong = _difference(declared[key], inventory.resources.get(key), identity, stack)
        if wrong:
            report(wrong, declared[key].urn)
    for names in _shared(identities):
        report(f"{' and '.join(sorted(names))} are the same thing under two names: declare it once.", None)


def _identities(declared: Mapping[Key, PolicyResource], report: ReportViolation) -> Iterator[tuple[Key, Identity]]:
    for key, entry in declared.items():
        try:
            identity = identity_of(entry.urn, entry.props)
        except fly.RequestError as error:
            report(f"{entry.name} cannot be compared with the inventory: {error}.", entry.urn)
            continue
        if isinstance(identity, Unknown):
            report(
                f"{entry.name} cannot be compared with the inventory: what identifies it is known only after `up`. "
                "Set all of it (of a volume: name and driver) to plain values, not to another resource's output.",
                entry.urn,
            )
            continue
        yield key, identity


def _difference(entry: PolicyResource, recorded: Identity | None, declared: Identity, stack: str) -> str | None:
    if recorded is None:
        return (
            f"{entry.name} is {what_is(entry.urn)} and not in the inventory of stack {stack}. "
            f"Add it with `{command(stack)}`, and commit the file."
        )
    changed = differences(recorded, declared)
    if changed:
        return (
            f"{entry.name} is not the one in the inventory of stack {stack}: {'; '.join(changed)}. "
            f"It would be another, empty one. {STAYS}"
        )
    return None


def _shared(identities: Mapping[Key, Identity]) -> Iterator[Sequence[str]]:
    by_thing: dict[tuple[object, ...], list[str]] = {}
    for (type_, name), identity in identities.items():
        thing = physical(type_, identity)
        if thing:
            by_thing.setdefault(thing, []).append(name)
    return (names for names in by_thing.values() if len(names) > 1)


RULE = StackValidationPolicy(
    name="data-inventory-present",
    description="The program must declare exactly the data that the inventory of the stack lists.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=data_inventory_present,
)
