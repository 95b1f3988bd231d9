"""A stack with one ClickHouse server stays one with one server."""

import pytest

from tests.e2e.stack import TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]


def test_a_single_server_with_data_is_not_made_a_cluster(stack: TestStack) -> None:
    containers, volumes = stack.names("container"), stack.names("volume")
    stack.configure(clickhouse__replicas="2")
    try:
        run = stack.ops("up")
    finally:
        stack.configure(clickhouse__replicas="1")
    assert run.code != 0
    said = " ".join(run.output.split())
    assert "clickhouse:replicas was 1 when this stack was put up and is now 2" in said
    assert "docs/operations.md, Scaling" in said
    assert (stack.names("container"), stack.names("volume")) == (containers, volumes)
    again = stack.ops("preview", "--json")
    assert again.code == 0, again.output
