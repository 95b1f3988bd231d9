"""Commands about keys and people."""

from typing import Annotated

import typer

from ops.commands.app import AsJson, ConfigFile, Stack, cli
from ops.members.role import Role
from ops.session import OpsError

members = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
cli.add_typer(members, name="members")


@cli.command()
def rotate(
    secret: Annotated[str | None, typer.Argument(help="Which; without, all that may be rotated, with age.")] = None,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Exchange a secret for a new one: made, used by everything, proven, and only then the old one retired.

    A run that was cut short is finished by the same command. SALT and ENCRYPTION_KEY are refused.
    """
    from ops.rotation import command

    if secret is None:
        command.listed(stack, config_file, as_json=as_json)
    elif as_json:
        raise OpsError("--json goes with the list, not with a secret")
    else:
        command.rotate(stack, config_file, secret)


@members.callback(invoke_without_command=True)
def list_members(
    context: typer.Context, stack: Stack = "local", config_file: ConfigFile = None, as_json: AsJson = False
) -> None:
    """Show who may come into Langfuse, who is invited, and whether strangers may sign up."""
    from ops.members.command import listed

    if context.invoked_subcommand is None:
        listed(stack, config_file, as_json=as_json)


@members.command()
def add(
    email: Annotated[str, typer.Argument(help="Address that the person signs in with.")],
    stack: Stack = "local",
    config_file: ConfigFile = None,
    role: Annotated[Role, typer.Option(help="In the organization.")] = Role.MEMBER,
    name: Annotated[str, typer.Option(help="Shown beside what the person does.")] = "",
) -> None:
    """Add a member by SCIM where Langfuse is licensed for it; else say how it is done in Langfuse itself."""
    from ops.members.command import add as run

    run(stack, config_file, email, role, name)


@members.command()
def unlock(stack: Stack = "local", config_file: ConfigFile = None) -> None:
    """Let people sign up, until `members lock`; every run says that the door is open."""
    from ops.members.command import unlock as run

    run(stack, config_file)


@members.command()
def lock(stack: Stack = "local", config_file: ConfigFile = None) -> None:
    """Let nobody sign up any more, invited people included."""
    from ops.members.command import lock as run

    run(stack, config_file)
