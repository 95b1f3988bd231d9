"""What each further service costs in a run in which nothing changes."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from bench.commands import PACK, Program
from bench.extra.services import FIRST, RESOURCES_EACH, name_of
from bench.no_op import EMPTY, both
from bench.results import Row
from bench.rig import Rig
from bench.series import Rounds, in_turns
from ops.inventory import declared_by, write
from policy.inventories import path_of

REAL = "real"
REVIEWED = (*PACK, "--policy-pack-config", "policy-config.json")
"""The pack, told that the services' gate has been reviewed."""


def growth(rig: Rig, empty: Program, counts: Sequence[int], rounds: int) -> list[Row]:
    """Preview and `up` with more and more services, against one: the first has the engine start its plugins.

    It is put up for real. The states with more of them hold copies of it, which a run in which nothing
    changes cannot tell from real ones: it compares declarations with the state and does not ask Docker.
    """
    extra = Program.copied(rig, "extra")
    settings = {"instance": rig.extra_instance, "image": rig.images["redis"].image}
    extra.new_stack(REAL, {"count": 1, **settings})
    extra.run("up", "--yes", "--stack", REAL)
    single = extra.deployment(REAL)
    stacks = {count: f"extra{count}" for count in (0, *counts)}
    for count, stack in stacks.items():
        extra.new_stack(stack, {"count": 1 + count, **settings})
        state = _multiplied(single, stack, 1 + count)
        extra.put_deployment(stack, state)
        write(path_of(stack), declared_by(state["deployment"]["resources"]))
    rows = []
    for name, command, budget in (("preview", ["preview"], 2), ("up", ["up", "--yes"], None)):
        cases: dict[str, Callable[[], object]] = {EMPTY: partial(empty.no_op, command, EMPTY)}
        cases |= {stack: partial(extra.no_op, command, stack, *REVIEWED) for stack in stacks.values()}
        rows += _rows(name, in_turns(cases, rounds), stacks, budget)
    return rows


def _rows(name: str, taken: Rounds, stacks: Mapping[int, str], budget: float | None) -> list[Row]:
    return [
        Row(
            f"{name} with {count} further services: each resource",
            taken.share(stack, stacks[0], EMPTY, count * RESOURCES_EACH).times(100),
            "%",
            budget=budget,
            note=f"of an empty {name}; {both(taken, stack, stacks[0])}",
        )
        for count, stack in stacks.items()
        if count
    ]


def _multiplied(single: Mapping[str, Any], stack: str, count: int) -> dict[str, Any]:
    """The state of `count` services, made from that of one."""
    text = json.dumps(single).replace(f"urn:pulumi:{REAL}::", f"urn:pulumi:{stack}::")
    # The stack itself is a resource, named <project>-<stack>.
    made: dict[str, Any] = json.loads(text.replace(f"::bench-extra-{REAL}", f"::bench-extra-{stack}"))
    resources = made["deployment"]["resources"]
    service = json.dumps([entry for entry in resources if FIRST in entry["urn"]])
    copies = [entry for number in range(count) for entry in json.loads(service.replace(FIRST, name_of(number)))]
    made["deployment"]["resources"] = [entry for entry in resources if FIRST not in entry["urn"]] + copies
    return made
