"""Refuses short passwords."""

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)


def long_enough(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """At least 32 characters."""
    if args.resource_type == "random:index/randomPassword:RandomPassword" and args.props["length"] < 32:
        report("a password needs 32 characters", None)


PolicyPack(
    name="tests",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[ResourceValidationPolicy("long-enough", "Passwords are long.", long_enough)],
)
