"""No row without a fault that turns it, and it alone, red; and none without its way back to green.

`only` fails unless the row is the one finding of a whole run, `verdict` says `healthy` once it is mended. This compares
the rows with what the tests of the live stack give to the two, so that a row without such a test fails `make check`.
"""

import ast
from collections.abc import Iterable, Iterator
from types import ModuleType

import pytest

from ops.doctor.rows import ROWS
from ops.doctor.signatures import AROUND, sources
from tests.doctor import test_rows_live
from tests.unit.recorder import ROOT

RED, GREEN = "only", "verdict"


def functions(module: ModuleType) -> Iterator[ast.FunctionDef]:
    assert module.__file__
    with open(module.__file__, encoding="utf-8") as file:  # noqa: PTH123 - a module's own text
        for node in ast.parse(file.read()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node


def table(function: ast.FunctionDef) -> list[str]:
    """Rows of the table that a function is run for."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and isinstance(decorator.args[1], ast.Name):
            entries: Iterable[object] = getattr(test_rows_live, decorator.args[1].id)
            return [str(getattr(entry, "row", entry)) for entry in entries]
    return []


def rows(function: ast.FunctionDef, name: str) -> set[str]:
    """Rows that a function gives to `name`: those of its table, where it does not name one."""
    found: set[str] = set()
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == name:
            row = call.args[1]
            found |= {str(row.value)} if isinstance(row, ast.Constant) else set(table(function))
    return found


FUNCTIONS = {function.name: function for function in functions(test_rows_live)}


ON_A_CLUSTER = {"clickhouse-replicas": ROOT / "tests" / "e2e" / "test_cluster.py"}
"""Rows that a single server has nothing to show for, with the tests that kill a server of several."""


AROUND_THE_STACK = {row.id for row in ROWS if row.probe is None and sources()[row.id] <= AROUND}
"""Rows that no service's log shows, only the output of a tool: the tests of logs have its messages."""


def test_every_row_is_turned_red_alone_and_no_test_is_about_a_row_that_is_gone() -> None:
    alone = set().union(*(rows(function, RED) for function in FUNCTIONS.values()))
    assert alone | set(ON_A_CLUSTER) | AROUND_THE_STACK == {row.id for row in ROWS}
    assert not alone & (set(ON_A_CLUSTER) | AROUND_THE_STACK)


@pytest.mark.parametrize("row", ON_A_CLUSTER)
def test_a_row_about_a_cluster_turns_red_and_green_there(row: str) -> None:
    text = ON_A_CLUSTER[row].read_text(encoding="utf-8")
    assert f'["{row}"]["verdict"] == "finding"' in text
    assert f'["{row}"] == ("healthy"' in text


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if rows(function, RED)])
def test_what_a_test_turns_red_it_sees_green_again(name: str) -> None:
    assert rows(FUNCTIONS[name], RED) <= rows(FUNCTIONS[name], GREEN)
