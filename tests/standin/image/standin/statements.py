"""SQL lives in files beside the code; this is how the code gets at it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString

FOLDER = Path(__file__).parent / "sql"


@cache
def statement(name: str) -> LiteralString:
    """The text of `sql/<name>.sql`: written by us, hence as good as a literal."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8").strip()
