"""The result as a person reads it: one table, 80 columns."""

from typing import TYPE_CHECKING

from bench.results import Results, Row

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 80


def show(results: Results, console: "Console") -> None:
    """Print every row; a missed budget in red, none left out."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, width=WIDTH, caption=results.machine, caption_justify="left")
    table.add_column("measured")
    for name in ("median", "least", "most", "budget"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in results.rows:
        style = "bold red" if row.missed else ("green" if row.budget is not None else "")
        value = row.value
        cells = [_number(value.median, row), _number(value.low, row), _number(value.high, row), _budget(row)]
        table.add_row(f"{row.name}\n  [dim]{row.note}[/]" if row.note else row.name, *cells, style=style)
    console.print(table)
    for row in results.missed:
        console.print(f"[bold red]missed:[/] {row.name}: {_number(row.value.median, row)}, allowed {_budget(row)}")


def _budget(row: Row) -> str:
    return "" if row.budget is None else f"≤ {row.budget:g} {row.unit}"


def _number(number: float, row: Row) -> str:
    digits = {"ms": 0, "MB": 0, "s": 1}.get(row.unit, 2)
    return f"{number:.{digits}f} {row.unit}"
