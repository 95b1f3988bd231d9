"""Which tests run in one process, one after the other, when there are several."""

from pathlib import Path

import pytest

SHARED = {"checks", "standin", "backup", "doctor"}
"""Folders whose tests share servers."""


@pytest.hookimpl(tryfirst=True)  # a test's group is part of the name that goes to the other processes
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share servers, or a whole stack, in the process that has started them."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_home(item)))


def _home(item: pytest.Item) -> str:
    path = Path(item.path).relative_to(Path(__file__).parent)
    if path.parts[0] in SHARED:
        return path.parts[0]
    return "stack" if "brought_up" in getattr(item, "fixturenames", ()) else str(path)
