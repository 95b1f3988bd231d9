"""Whatever docs/runbook.md names exists, and what it calls not yet there is not."""

import json
import re
from collections.abc import Iterator

import pytest
import typer.main
from pydantic.alias_generators import to_camel

from ops.commands import cli
from settings.model import GROUPS
from tests.fly.test_parity import SERVICES
from tests.unit.recorder import ROOT

TEXT = (ROOT / "docs" / "runbook.md").read_text()
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| runbook")]
COMMANDS = set(typer.main.get_command(cli).commands)  # type: ignore[attr-defined]
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
KEYS = {f"{group.namespace}:{to_camel(name)}" for group in GROUPS for name in group.model_fields}
ON_FLY = {f"{service}-{part}" for service in SERVICES for part in ("app", "secrets", "deploy", "state")}
RESOURCES = {name for _, name, _ in json.loads((ROOT / "tests" / "unit" / "registered.json").read_text())} | ON_FLY


def now(row: str) -> str:
    """The row's column of what does it now."""
    return re.split(r"(?<!\\)\|", row)[2]


def quoted(text: str, pattern: str) -> Iterator[str]:
    for code in re.findall(r"`([^`]+)`", text):
        yield from re.findall(pattern, code)


def announced(pattern: str) -> set[str]:
    """What is named right after a mark that it is not there yet."""
    return {
        name for part in re.findall(r"\*\*not yet\*\*[^|`]*:\s*`([^`]+)`", TEXT) for name in re.findall(pattern, part)
    }


OPS, MAKE = r"python -m ops ([a-z-]+)", r"^make ([a-z-]+)"


def test_every_command_it_names_exists_or_is_marked_as_not_yet_there() -> None:
    assert set(quoted(TEXT, OPS)) - announced(OPS) <= COMMANDS
    assert set(quoted(TEXT, MAKE)) <= TARGETS


def test_what_it_calls_not_yet_there_is_not() -> None:
    """Whoever builds it turns the row into one that says how it is used."""
    assert not announced(OPS) & COMMANDS


def test_every_setting_it_names_exists() -> None:
    namespaces = "|".join({key.partition(":")[0] for key in KEYS})
    named = set(quoted(TEXT, rf"^((?:{namespaces}):[a-zA-Z]+)$"))
    assert len(named) > 10
    assert named <= KEYS


def test_every_gate_and_resource_it_names_is_registered_by_the_program() -> None:
    found = {
        name
        for row in ROWS
        for listed in re.findall(r"(?:gates?|resources?) ((?:`[a-z0-9-]+`(?:, )?)+)", row)
        for name in re.findall(r"`([a-z0-9-]+)`", listed)
    }
    assert len(found) > 15
    assert found <= RESOURCES


def test_every_file_it_names_exists() -> None:
    for path in quoted(
        TEXT, r"^((?:components|policy|checks|ops|platforms|\.github)/[\w./-]+|[A-Z]\w+(?:\.\w+)*\.(?:md|yaml))$"
    ):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_a_step_and_what_does_it_now(row: str) -> None:
    columns = re.split(r"(?<!\\)\|", row)
    assert len(columns) == 5, row
    assert now(row).strip()


def test_every_phase_and_section_of_both_runbooks_has_rows() -> None:
    fly, _, operator = TEXT.partition("## Operator runbook")
    for section in ("Change control", "Prerequisites", "Variables", *map(str, range(1, 6)), "Artifacts", "References"):
        assert re.search(rf"^\| \*\*{section}\*\*", fly, re.MULTILINE), section
    for section in ("0", "1", "2", "3", "4", "5", "6", "7", "8.1", "8.2", "8.3", "8.4", "8.5", "9", "10"):
        assert re.search(rf"^\| \*\*{re.escape(section)}[,*]", operator, re.MULTILINE), section
