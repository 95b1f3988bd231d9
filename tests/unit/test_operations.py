"""What docs/operations.md names exists: commands with their options, targets, sections, rows of the doctor."""

import re
import shlex
import subprocess

import pytest
import typer.main

from ops.commands import cli
from tests.unit.recorder import ROOT

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(cli).commands  # type: ignore[attr-defined]
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
CALLS = sorted({call.strip() for call in re.findall(r"python -m ops ([a-z][^`\n|]*)", TEXT)})
SYMPTOMS = TEXT.partition("| symptom |")[2].partition("\n\n")[0]


def slug(title: str) -> str:
    """As a page's reader makes an anchor of a title."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("call", CALLS)
def test_every_command_and_option_it_names_exists(call: str) -> None:
    name, *words = shlex.split(call, comments=True)
    assert name in COMMANDS
    command = COMMANDS[name]
    if words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_every_target_it_names_exists() -> None:
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", TEXT, re.MULTILINE)) <= TARGETS


def test_every_symptom_leads_to_a_section_or_a_page_that_is_there() -> None:
    titles = {slug(title) for title in re.findall(r"^##+ (.+)$", TEXT, re.MULTILINE)}
    anchors = re.findall(r"\(#([^)]+)\)", TEXT)
    assert len(re.findall(r"^\|", SYMPTOMS, re.MULTILINE)) > 10
    assert anchors
    assert set(anchors) <= titles
    for page in re.findall(r"\(([\w-]+\.md)\)", TEXT):
        assert (ROOT / "docs" / page).exists(), page


def test_every_section_that_a_symptom_leads_to_has_commands_that_are_tried() -> None:
    sections = re.split(r"^##+ ", TEXT, flags=re.MULTILINE)[1:]
    by_slug = {slug(section.partition("\n")[0]): section for section in sections}
    led_to = set(re.findall(r"\(#([^)]+)\)", SYMPTOMS)) - {"when-something-was-lost"}
    assert {name for name in led_to if "```sh tried" not in by_slug[name]} == set()


def test_make_help_names_every_target_within_80_columns() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(shown.split()) >= TARGETS
    assert max(map(len, shown.splitlines())) <= 80
