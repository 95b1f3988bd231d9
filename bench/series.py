"""Measurements of several cases, taken in turns so that all of them see the same machine."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The median of several numbers, and the least and the greatest of them."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of `values`, of which there is at least one."""
        return cls(statistics.median(values), min(values), max(values), len(values))

    def times(self, factor: float) -> "Spread":
        """The same numbers in a unit `factor` times smaller."""
        return Spread(self.median * factor, self.low * factor, self.high * factor, self.count)


@dataclass(frozen=True)
class Rounds:
    """One number a case and round; all cases of a round were measured directly after each other."""

    by_case: Mapping[str, Sequence[float]]

    def spread(self, case: str) -> Spread:
        """Of one case over all rounds."""
        return Spread.of(self.by_case[case])

    def ratio(self, case: str, unit: str) -> Spread:
        """Of `case` to `unit`, taken in each round by itself."""
        return Spread.of([a / b for a, b in zip(self.by_case[case], self.by_case[unit], strict=True)])

    def share(self, case: str, without: str, unit: str, parts: int = 1) -> Spread:
        """What `case` costs more than `without`, as a share of `unit`, for each of `parts`."""
        rows = zip(self.by_case[case], self.by_case[without], self.by_case[unit], strict=True)
        return Spread.of([(a - b) / c / parts for a, b, c in rows])


def seconds(action: Callable[[], object]) -> float:
    """How long `action` takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_turns(cases: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: bool = True) -> Rounds:
    """Time every case once a round.

    Args:
        cases: what to run, by name, in the order of a round.
        rounds: how many rounds count.
        warm_up: run one round more, first, that does not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(-1 if warm_up else 0, rounds):
        for name, action in cases.items():
            took = seconds(action)
            if number >= 0:
                taken[name].append(took)
    return Rounds(taken)
