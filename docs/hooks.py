"""What mkdocs calls while it builds the pages."""

import re
from typing import Any

TRIED = re.compile(r"(?m)^(\s*```\w+) tried.*$")
"""How tests know the blocks of commands that they run; Markdown has no such words behind a language."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page without them."""
    return TRIED.sub(r"\1", markdown)
