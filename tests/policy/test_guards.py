"""Guards that left the state are named, in one line."""

from typing import Any

import pytest

from policy.guards import DELETE_HOOK, GUARDS, guards_of, in_one_line, missing_guards
from policy.inventories import Inventory, key_of
from tests.policy.engine import urn

VOLUME = urn("langfuse-stack:index:Redis$docker:index/volume:Volume", "redis-data")
GUARDED = {"protect": True, "retainOnDelete": True, "resourceHooks": {"BeforeDelete": [DELETE_HOOK]}}
NOTHING = Inventory({})


def state(urn: str = VOLUME, **more: Any) -> dict[str, Any]:
    return {"urn": urn, **GUARDED, **more}


def test_a_state_with_every_guard_has_nothing_to_say() -> None:
    container = {"urn": urn("docker:index/container:Container")}
    assert missing_guards([state(), container], NOTHING) == {}
    assert in_one_line({}) == ""


@pytest.mark.parametrize(
    ("taken", "guard"),
    [
        ({"protect": False}, "protect"),
        ({"protect": None}, "protect"),
        ({"retainOnDelete": None}, "retain_on_delete"),
        ({"resourceHooks": None}, "delete_hook"),
        ({"resourceHooks": {"BeforeDelete": ["another"]}}, "delete_hook"),
    ],
)
def test_each_guard_is_missed(taken: dict[str, Any], guard: str) -> None:
    assert missing_guards([state(**taken)], NOTHING) == {VOLUME: (guard,)}


def test_what_the_inventory_lists_is_what_must_be_there() -> None:
    listed = Inventory({}, options={key_of(VOLUME): {"guards": ("protect",)}})
    assert missing_guards([state(retainOnDelete=False, resourceHooks={})], listed) == {}
    assert missing_guards([{"urn": VOLUME}], listed) == {VOLUME: ("protect",)}


def test_the_line_names_the_guards_three_resources_and_how_many_more() -> None:
    stripped = [{"urn": urn("docker:index/volume:Volume", name)} for name in "abcde"]
    line = in_one_line(missing_guards(stripped, NOTHING))
    assert line == f"the state lacks {', '.join(GUARDS)} of a, b, c and 2 more; `up` puts them back"


def test_the_guards_of_a_resource_are_told_in_a_fixed_order() -> None:
    assert guards_of(state()) == GUARDS
    assert guards_of({"urn": VOLUME}) == ()
