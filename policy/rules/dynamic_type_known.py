"""`dynamic-type-known`: nothing runs whose type nobody has reviewed."""

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

from policy.data_types import type_chain
from policy.reviewed_types import COMMANDS, OURS, TYPES

FURTHER = "furtherTypes"
"""Setting of this rule: more types, for a stack that has resources of its own."""


def dynamic_type_known(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a type that is not on the reviewed list. Looks at the type only, which is never unknown."""
    type_ = args.resource_type
    owned = "$".join(type_chain(args.urn).rsplit("$", 2)[-2:])
    if type_.startswith(OURS) or type_ in TYPES or owned in COMMANDS or type_ in args.get_config().get(FURTHER, ()):
        return
    report(
        f"{args.name} is of type {owned if owned in COMMANDS else type_}, which nobody has reviewed: it may delete "
        "data without any other rule seeing it. Review it and add it to policy/reviewed_types.py; a dynamic resource "
        "needs `module=` and `name=`, and its class a module of its own.",
        args.urn,
    )


RULE = ResourceValidationPolicy(
    name="dynamic-type-known",
    description="A resource must be of a type that has been reviewed.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=dynamic_type_known,
    config_schema=PolicyConfigSchema(
        {FURTHER: {"type": "array", "items": {"type": "string"}, "default": [], "description": "More reviewed types."}}
    ),
)
