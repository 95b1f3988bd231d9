"""Everything that is measured, in the order in which one measurement leaves the machine for the next."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from bench import cold, growth, no_op, prod, relay
from bench.commands import Program
from bench.results import Results
from bench.rig import assembled


@dataclass(frozen=True)
class Effort:
    """How often each thing is measured."""

    cold: int
    no_op: int
    memory: int
    prod: int
    traces: int
    growth: int
    counts: tuple[int, ...]
    """Numbers of further services."""


THOROUGH = Effort(cold=3, no_op=15, memory=3, prod=5, traces=20, growth=5, counts=(10, 50, 100))
QUICK = Effort(cold=1, no_op=5, memory=1, prod=2, traces=5, growth=1, counts=(10, 50, 100))


def measure(effort: Effort, say: Callable[[str], None]) -> Results:
    """Measure everything; `say` is told what is going on.

    Raises:
        OpsError: something that is measured does not work.
        ToolchainError: engine, plugins, Docker, images or Compose cannot be had.
    """
    results = Results(_machine())
    with assembled() as rig:
        say("cold starts, in turns with Docker Compose")
        results.rows += cold.cold_start(rig, effort.cold)
        say("from an answer to its trace")
        results.rows += relay.through_the_relay(rig, effort.traces)
        empty = Program.copied(rig, "empty")
        empty.new_stack(no_op.EMPTY, {})
        empty.run("up", "--yes", "--stack", no_op.EMPTY)
        say("runs in which nothing changes")
        results.rows[:0] = no_op.whole_stack(rig, empty, effort.no_op)
        results.rows += no_op.memory(rig, effort.memory)
        rig.clear()
        say("stack prod on a fake Fly")
        results.rows += prod.no_op(rig, empty, effort.prod)
        say(f"growth with {', '.join(map(str, effort.counts))} further services")
        results.rows += growth.growth(rig, empty, effort.counts, effort.growth)
    return results


def _machine() -> str:
    busy = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {busy:.1f} at the start; medians over rounds, both sides of a ratio in turns"
