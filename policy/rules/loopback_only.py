"""`loopback-only`: on one machine, no port of the stack can be reached from another."""

from typing import Any

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policy.environment import CONTAINER
from policy.values import UNKNOWN, revealed

LOOPBACK = ("127.0.0.1", "::1")


def loopback_only(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a container that publishes a port beyond the machine. An unknown address counts as one."""
    if args.resource_type != CONTAINER:
        return
    container = revealed(args.props)
    mode = container.get("networkMode")
    if mode is UNKNOWN or mode == "host" or container.get("publishAllPorts"):
        report(
            f"{args.name} shares the machine's network or publishes all ports: everything it listens on can be "
            "reached from outside. Publish single ports on 127.0.0.1.",
            args.urn,
        )
    ports: Any = container.get("ports") or []
    for port in [UNKNOWN] if ports is UNKNOWN else ports:
        address = UNKNOWN if port is UNKNOWN else port.get("ip", "0.0.0.0")  # noqa: S104 - what Docker does without one
        if address not in LOOPBACK:
            shown = "an address that is not known yet" if address is UNKNOWN else address
            report(f"{args.name} publishes a port on {shown}: bind it to 127.0.0.1 or ::1.", args.urn)


RULE = ResourceValidationPolicy(
    name="loopback-only",
    description="A container must publish its ports on the loopback address only.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=loopback_only,
)
