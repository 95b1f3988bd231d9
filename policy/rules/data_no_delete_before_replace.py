"""`data-no-delete-before-replace`: no resource that holds data goes before its successor is there."""

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policy.data_types import what_is


def data_no_delete_before_replace(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a data resource with `delete_before_replace`. Looks at options only, which are never unknown."""
    what = what_is(args.urn)
    if what and args.opts.delete_before_replace:
        report(
            f"{args.name} is {what} and has delete_before_replace, so a replacement would begin by deleting it. "
            "Take the option away: components.base.data_options never sets it.",
            args.urn,
        )


RULE = ResourceValidationPolicy(
    name="data-no-delete-before-replace",
    description="A resource that holds data, or opens it, must not be deleted before it is replaced.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=data_no_delete_before_replace,
)
