"""Every block of commands in docs/ that says so is run on a whole stack, as it stands there."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.session import ROOT
from tests.e2e.stack import TestStack, in_shell

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(2400)]

BLOCK = re.compile(r"^```sh tried(?: exit=([\d,]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One line of a block."""

    section: str
    line: str
    codes: tuple[int, ...]


def commands(page: str) -> list[Command]:
    found = []
    for section in re.split(r"^(?=##+ )", page, flags=re.MULTILINE):
        title = section.partition("\n")[0].lstrip("# ")
        for codes, block in BLOCK.findall(section):
            allowed = tuple(int(code) for code in (codes or "0").split(","))
            found += [Command(title, line, allowed) for line in block.splitlines() if line]
    return found


TRIED = [
    command for page in sorted((ROOT / "docs").glob("*.md")) for command in commands(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("command", TRIED, ids=lambda command: f"{command.section}: {command.line}")
def test_it_does_what_the_page_says(
    stack: TestStack, tmp_path_factory: pytest.TempPathFactory, command: Command
) -> None:
    """In a folder of its own, with the stack's own prefix in place of the usual one."""
    folder = here(tmp_path_factory)
    line = re.sub(r"\bdocker (\w+) langfuse-", rf"docker \1 {stack.instance}-", command.line)
    line = re.sub(r"\bmake (?=[a-z])", f"make -C {ROOT} ", line)
    environment = {**stack.environment, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    run = in_shell(environment, "bash", "-c", f"cd {folder} && {line}")
    assert run.code in allowed(command), f"{command.line}\n{run.output}"


def allowed(command: Command) -> tuple[int, ...]:
    """The machine's own disk or memory may be short, which is then said; `make` says it with a 2."""
    of_the_machine = "doctor" in command.line or "--capacity" in command.line
    return (0, 1, 2) if of_the_machine else command.codes


def here(factory: pytest.TempPathFactory) -> Path:
    folder = factory.getbasetemp() / "operator"
    folder.mkdir(exist_ok=True)
    return folder
