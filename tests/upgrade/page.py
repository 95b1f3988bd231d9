"""The page `docs/upgrade.md`, made from the rules and the table: `python -m tests.upgrade.page > docs/upgrade.md`."""

import sys
from pathlib import Path

from ops.upgrade.decide import RULES
from tests.upgrade.cases import CASES

INTRODUCTION = Path(__file__).with_name("introduction.md")


def page() -> str:
    """The whole page."""
    rules = [f"| `{rule}` | {refuses} |" for rule, refuses in RULES.items()]
    lines = [
        f"| {case.start} | {case.wanted} | {f'`{case.step}`' if case.step else ''} | {case.verdict}"
        f"{': ' if case.rules else ''}{', '.join(f'`{rule}`' for rule in dict.fromkeys(case.rules))} |"
        for case in CASES
    ]
    parts = [
        INTRODUCTION.read_text(encoding="utf-8").rstrip(),
        "## What is refused\n\n| rule | refuses |\n|---|---|\n" + "\n".join(rules),
        "## Start states and the step each gives\n\nEvery line is tried by a test.\n\n"
        "| runs | wanted | next step | verdict |\n|---|---|---|---|\n" + "\n".join(lines),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
