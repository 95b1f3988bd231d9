"""`dynamic-type-known`: nothing runs whose type nobody has reviewed."""

from collections.abc import Mapping

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

from policy.data_types import type_chain
from policy.inventories import InventoryError, read, stack_of
from policy.mounts import VOLUME
from policy.reviewed_types import COMMAND, COMMAND_INPUTS, COMMAND_VARIABLES, COMMANDS, OURS, TYPES
from policy.values import revealed

FURTHER = "furtherTypes"
"""Setting of this rule: more types, for a stack that has resources of its own. Never a command's: its type says
nothing about what it does."""


def dynamic_type_known(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a type that is not on the reviewed list, and a command that is not one of those that were reviewed.

    A command line must be known in a preview.
    """
    type_ = args.resource_type
    owned = "$".join(type_chain(args.urn).rsplit("$", 2)[-2:])
    if type_.startswith(COMMAND):
        why = _command(args, owned)
    elif type_.startswith(OURS) or type_ in TYPES or type_ in args.get_config().get(FURTHER, ()):
        return
    else:
        why = (
            f"is of type {type_}, which nobody has reviewed: it may delete data without any other rule seeing it. "
            "Review it and add it to policy/reviewed_types.py; a dynamic resource needs `module=` and `name=`, and its "
            "class a module of its own."
        )
    if why:
        report(f"{args.name} {why}", args.urn)


def _command(args: ResourceValidationArgs, owned: str) -> str | None:
    """Why a command may not run. Its parent's type says what it is for, and its own inputs what it does."""
    if owned not in COMMANDS:
        return (
            f"is of type {args.resource_type}, and its parent is of none that owns a reviewed command: it may delete "
            "data without any other rule seeing it. Review it and add it to policy/reviewed_types.py."
        )
    inputs = {name: value for name, value in revealed(args.props).items() if value not in (None, "", [], {})}
    variables = inputs.get("environment")
    if isinstance(variables, Mapping) and variables.keys() <= COMMAND_VARIABLES:
        del inputs["environment"]
    if inputs.get("create") != COMMANDS[owned] or not inputs.keys() <= COMMAND_INPUTS:
        more = ", ".join(sorted(inputs.keys() - COMMAND_INPUTS))
        return (
            f"runs another command line than the reviewed `{COMMANDS[owned]}`{f', and sets {more}' if more else ''}: "
            "what its parent is called does not say what it does. Take it out, or review it and change "
            "policy/reviewed_types.py."
        )
    if _is_on_docker(stack_of(args.urn)):
        return "is a command, and the data of this stack is on Docker, where nothing needs one: take it out."
    return None


def _is_on_docker(stack: str) -> bool:
    try:
        return any(type_.endswith(VOLUME) for type_, _ in read(stack).resources)
    except InventoryError:
        return False  # data-inventory-present says so, and stops the run


RULE = ResourceValidationPolicy(
    name="dynamic-type-known",
    description="A resource must be of a type that has been reviewed.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=dynamic_type_known,
    config_schema=PolicyConfigSchema(
        {FURTHER: {"type": "array", "items": {"type": "string"}, "default": [], "description": "More reviewed types."}}
    ),
)
