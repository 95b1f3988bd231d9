"""What was measured, against what is allowed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.series import Spread


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    name: str
    """What was compared with what."""
    value: Spread
    unit: str = "x"
    """`x` for ratios, `%`, `s`, `ms`, `MB`."""
    budget: float | None = None
    """Greatest median allowed; None when the number is only reported."""
    note: str = ""
    """Absolute numbers behind a ratio."""

    @property
    def missed(self) -> bool:
        """Whether the median is above the budget."""
        return self.budget is not None and self.value.median > self.budget


@dataclass
class Results:
    """All rows of one run, and what it ran on."""

    machine: str
    rows: list[Row] = field(default_factory=list)

    @property
    def missed(self) -> Sequence[Row]:
        """The rows above their budget."""
        return [row for row in self.rows if row.missed]

    def as_json(self) -> dict[str, Any]:
        """The same for scripts."""
        return {
            "machine": self.machine,
            "within_budgets": not self.missed,
            "rows": [{**asdict(row), "missed": row.missed} for row in self.rows],
        }
