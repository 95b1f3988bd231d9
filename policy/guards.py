"""What keeps the engine from deleting data: the options that every data resource has in the state."""

from collections.abc import Iterable, Mapping
from typing import Any

from policy.data_types import what_is
from policy.inventories import Inventory, key_of

DELETE_HOOK = "refuse-to-delete-data"
"""Name of the hook that the components attach to data."""
GUARDS = ("protect", "retain_on_delete", "delete_hook")
NAMED = 3
"""Resources that a message names; the rest is counted."""


def guards_of(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The guards that a resource of a state has."""
    hooks = (entry.get("resourceHooks") or {}).get("BeforeDelete") or ()
    present = (entry.get("protect"), entry.get("retainOnDelete"), DELETE_HOOK in hooks)
    return tuple(guard for guard, is_there in zip(GUARDS, present, strict=True) if is_there)


def missing_guards(resources: Iterable[Mapping[str, Any]], inventory: Inventory) -> dict[str, tuple[str, ...]]:
    """URN of data to the guards that it lacks.

    Args:
        resources: of a state.
        inventory: says which guards each had when it was listed; without an entry it must have all.
    """
    missing: dict[str, tuple[str, ...]] = {}
    for entry in resources:
        urn = str(entry["urn"])
        if what_is(urn):
            present = guards_of(entry)
            wanted = inventory.options.get(key_of(urn), {}).get("guards", GUARDS)
            if lacking := tuple(guard for guard in wanted if guard not in present):
                missing[urn] = lacking
    return missing


def in_one_line(missing: Mapping[str, tuple[str, ...]]) -> str:
    """What `missing_guards` found, for people; empty when it found nothing."""
    if not missing:
        return ""
    guards = [guard for guard in GUARDS if any(guard in lacking for lacking in missing.values())]
    names = sorted(urn.rpartition("::")[2] for urn in missing)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"the state lacks {', '.join(guards)} of {', '.join(names[:NAMED])}{more}; `up` puts them back"
