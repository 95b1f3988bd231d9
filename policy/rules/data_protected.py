"""`data-protected`: every resource that holds data is protected."""

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policy.data_types import what_is


def data_protected(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a data resource without `protect`. Looks at options only, which are never unknown."""
    what = what_is(args.urn)
    if what and not args.opts.protect:
        report(
            f"{args.name} is {what} and not protected, so the engine would delete or replace it. "
            "Declare it with components.base.data_options.",
            args.urn,
        )


RULE = ResourceValidationPolicy(
    name="data-protected",
    description="A resource that holds data, or opens it, must be protected.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=data_protected,
)
