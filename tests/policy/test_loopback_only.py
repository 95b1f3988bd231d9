"""`loopback-only`."""

from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_ARRAY_VALUE, UNKNOWN_STRING_VALUE

from policy.environment import CONTAINER
from policy.rules.loopback_only import loopback_only
from tests.policy.engine import resource, violations


def publishing(*addresses: str | None, **more: Any) -> Any:
    ports = [{"internal": 1, **({"ip": address} if address else {})} for address in addresses]
    return resource(CONTAINER, {"ports": ports, **more})


@pytest.mark.parametrize("args", [publishing(), publishing("127.0.0.1", "::1"), resource(CONTAINER), resource("x:y:Z")])
def test_loopback_ports_are_compliant(args: Any) -> None:
    assert violations(loopback_only, args) == []


@pytest.mark.parametrize(
    ("address", "shown"),
    [("192.0.2.1", "192.0.2.1"), ("::2", "::2"), (None, "0.0.0.0")],  # noqa: S104 - what Docker does without one
)
def test_a_port_beyond_the_machine_is_a_violation(address: str | None, shown: str) -> None:
    [message] = violations(loopback_only, publishing("127.0.0.1", address))
    assert f"publishes a port on {shown}" in message


@pytest.mark.parametrize(
    "args",
    [
        publishing(UNKNOWN_STRING_VALUE),
        resource(CONTAINER, {"ports": UNKNOWN_ARRAY_VALUE}),
        resource(CONTAINER, {"ports": [UNKNOWN_STRING_VALUE]}),
    ],
)
def test_an_address_that_is_not_known_in_a_preview_is_a_violation(args: Any) -> None:
    [message] = violations(loopback_only, args)
    assert "an address that is not known yet" in message


@pytest.mark.parametrize(
    "more", [{"networkMode": "host"}, {"networkMode": UNKNOWN_STRING_VALUE}, {"publishAllPorts": True}]
)
def test_sharing_the_machines_network_is_a_violation(more: Any) -> None:
    [message] = violations(loopback_only, publishing(**more))
    assert "shares the machine's network or publishes all ports" in message
