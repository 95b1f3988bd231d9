"""`release-not-downgraded`: Langfuse never starts on data that a newer version has migrated."""

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policy.inventories import InventoryError, command, numbers, read, stack_of
from policy.values import revealed

WEB = "pulumi-python:dynamic/checks:LangfuseWeb"
"""The gate behind web; web alone migrates."""


def release_not_downgraded(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a version below the newest recorded one, and a major release that is not recorded yet."""
    if args.resource_type != WEB:
        return
    stack = stack_of(args.urn)
    version = revealed(args.props).get("version")
    try:
        wanted = numbers(version)
    except (AttributeError, ValueError):
        report("The version of Langfuse is not a version, or known only after `up`: set langfuse:version.", args.urn)
        return
    try:
        recorded = {numbers(entry): entry for entry in read(stack).versions}
    except (InventoryError, ValueError) as error:
        report(str(error), args.urn)
        return
    newest = max(recorded, default=None)
    if newest and wanted < newest:
        report(
            f"Langfuse {version} is older than {recorded[newest]}, which has migrated the data of stack {stack}: it "
            f"cannot read it. Set langfuse:version to {recorded[newest]} or newer; to go back, restore a backup made "
            "before the upgrade into a stack of its own.",
            args.urn,
        )
    elif newest is None or wanted[0] > newest[0]:
        report(
            f"Langfuse release {wanted[0]} is not recorded for stack {stack}: its migrations cannot be undone. "
            f"Make a backup, record it with `{command(stack)}`, and commit the file.",
            args.urn,
        )


RULE = ResourceValidationPolicy(
    name="release-not-downgraded",
    description="Langfuse must not be older than the newest version that the inventory records.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=release_not_downgraded,
)
