"""The page `docs/doctor.md`, made from the rows: `python -m ops.doctor.page > docs/doctor.md`."""

import sys
from pathlib import Path

from ops.doctor.report import generic
from ops.doctor.row import Part
from ops.doctor.rows import ROWS

INTRODUCTION = Path(__file__).parent / "introduction.md"


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION.read_text(encoding="utf-8").rstrip()]
    for part in Part:
        lines = ["| row | symptom | cause | how it is seen | fix |", "|---|---|---|---|---|"]
        for row in (entry for entry in ROWS if entry.part == part):
            where = f"{row.detected}; its message in a log" if row.signatures and not row.log_of else row.detected
            cells = (f"`{row.id}`", row.symptom, row.cause, where, generic(row.fix))
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        parts.append(f"## {str(part).capitalize()}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
