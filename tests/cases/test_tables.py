"""Each table beside this file lists what people bring; every row has tests, which exist and are skipped nowhere."""

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.recorder import ROOT

TABLES = sorted(Path(__file__).parent.glob("*.yaml"))
ROWS = [(table.stem, row) for table in TABLES for row in yaml.safe_load(table.read_text())]


@pytest.mark.parametrize(("table", "row"), ROWS, ids=lambda value: value if isinstance(value, str) else value["case"])
def test_a_row_has_tests_that_exist_and_run(table: str, row: dict[str, Any]) -> None:
    assert set(row) == {"case", "must", "tests"}, table
    assert row["tests"]
    for name in row["tests"]:
        path, _, function = name.partition("::")
        body = ast.parse((ROOT / path).read_text()).body
        everywhere = {ast.unparse(node) for node in body if isinstance(node, ast.Assign)}
        found = {
            node.name: {ast.unparse(decorator) for decorator in node.decorator_list} | everywhere
            for node in body
            if isinstance(node, ast.FunctionDef)
        }
        assert function in found, name
        assert not [mark for mark in found[function] if "mark.skip" in mark or "mark.xfail" in mark], name
