"""One whole stack for all tests that only look at it or put it back as it was."""

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Run, TestStack, new_stack


@pytest.fixture(scope="session")
def brought_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestStack, Run]]:
    stack = new_stack(tmp_path_factory.mktemp("stack"))
    try:
        yield stack, stack.ops("up")
    finally:
        stack.remove()


@pytest.fixture(scope="session")
def stack(brought_up: tuple[TestStack, Run]) -> TestStack:
    stack, run = brought_up
    assert run.code == 0, run.output
    return stack


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestStack]:
    stack = new_stack(tmp_path_factory.mktemp("fresh"))
    try:
        yield stack
    finally:
        stack.remove()
