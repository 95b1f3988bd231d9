"""Whether the state still has what keeps the engine from deleting data; plain `pulumi` can take it out."""

from collections.abc import Iterable, Mapping
from typing import Any

from ops.session import Session
from policy.guards import missing_guards
from policy.inventories import Inventory, InventoryError, read


def inventory_of(session: Session) -> Inventory | None:
    """The stack's inventory; None where the policy pack will refuse the run for want of one."""
    try:
        return read(session.stack.rpartition("/")[2])
    except InventoryError:
        return None


def lacking(session: Session, resources: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """URN of data in a state to the guards that it lacks."""
    return missing_guards(resources, inventory_of(session) or Inventory({}))
