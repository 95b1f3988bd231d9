"""`volume-mounted-as-declared`: a data volume is mounted by the services that its inventory entry names."""

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policy.inventories import InventoryError, read, stack_of
from policy.mounts import mounts, undeclared
from policy.values import revealed


def volume_mounted_as_declared(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a container or Fly service that mounts what it may not, or reaches the machine and with it all volumes.

    What a preview cannot know is judged by `up`, before anything is created.
    """
    if not mounts(args.urn):
        return
    try:
        inventory = read(stack_of(args.urn))
    except InventoryError:
        return  # data-inventory-present says so, and stops the run
    for found in undeclared(args.urn, revealed(args.props), inventory):
        report(f"{args.name}: {found}. Whoever mounts a volume can empty it.", args.urn)


RULE = ResourceValidationPolicy(
    name="volume-mounted-as-declared",
    description="A data volume must be mounted only by the services that its inventory entry names.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=volume_mounted_as_declared,
)
