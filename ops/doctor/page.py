"""The page `docs/doctor.md`, made from the rows: `python -m ops.doctor.page > docs/doctor.md`."""

import sys
from pathlib import Path

from ops.doctor.report import generic
from ops.doctor.row import Part, Row
from ops.doctor.rows import ROWS
from ops.doctor.signatures import sources

INTRODUCTION = Path(__file__).parent / "introduction.md"


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION.read_text(encoding="utf-8").rstrip()]
    for part in Part:
        lines = ["| row | symptom | cause | how it is seen | fix |", "|---|---|---|---|---|"]
        for row in (entry for entry in ROWS if entry.part == part):
            cells = (f"`{row.id}`", row.symptom, generic(row.cause), _where(row), generic(row.fix))
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        parts.append(f"## {str(part).capitalize()}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _where(row: Row) -> str:
    """How a row is seen."""
    printers = sorted(str(source) for source in sources().get(row.id, ()))
    if row.probe is None:
        return f"in the log of {', '.join(printers)}"
    return f"{row.detected}; its message in a log" if printers else row.detected


if __name__ == "__main__":
    sys.stdout.write(page())
