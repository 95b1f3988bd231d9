"""Commands about keys and people."""

from typing import Annotated

import typer

from ops.commands.app import AsJson, Changing, ConfigFile, Looking, LookingGroup, Stack, cli
from ops.failure import COULD_NOT_LOOK, explained
from ops.members.role import Role

members = typer.Typer(cls=LookingGroup, add_completion=False, pretty_exceptions_enable=False)
cli.add_typer(members, name="members")


@cli.command(cls=Changing)
def rotate(
    secret: Annotated[str | None, typer.Argument(help="Which; without, all that may be rotated, with age.")] = None,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Exchange a secret for a new one: made, used by everything, proven, and only then the old one retired.

    A run that was cut short is finished by the same command. SALT and ENCRYPTION_KEY are refused. Exits 1 when it is
    refused or fails, and without a name 2 when it could not look. No value is ever printed.
    """
    from ops.rotation import command

    if secret is not None:
        command.rotate(stack, config_file, secret, as_json=as_json)
        return
    with explained(COULD_NOT_LOOK, as_json=as_json):
        command.listed(stack, config_file, as_json=as_json)


@cli.command(name="owner-password", cls=Looking)
def owner_password(
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    to_stdout: Annotated[bool, typer.Option("--stdout", help="Print the password alone, also into a pipe.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print address, e-mail and password as JSON.")] = False,
) -> None:
    """Show how the first owner signs in: address, e-mail and password, on a terminal only unless asked otherwise.

    Exits 2 when it is refused or there is no owner yet.
    """
    from ops.owner import owner_password as run

    run(stack, config_file, to_stdout=to_stdout, as_json=as_json)


@members.callback(invoke_without_command=True)
def list_members(
    context: typer.Context, stack: Stack = "local", config_file: ConfigFile = None, as_json: AsJson = False
) -> None:
    """Show who may come into Langfuse, who is invited, and whether strangers may sign up; exits 2 when it cannot."""
    from ops.members.command import listed

    if context.invoked_subcommand is None:
        listed(stack, config_file, as_json=as_json)


@members.command(cls=Changing)
def add(
    email: Annotated[str, typer.Argument(help="Address that the person signs in with.")],
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    role: Annotated[Role, typer.Option(help="In the organization.")] = Role.MEMBER,
    name: Annotated[str, typer.Option(help="Shown beside what the person does.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a member by SCIM where Langfuse is licensed for it; else exit 1 and say how it is done in Langfuse itself."""
    from ops.members.command import add as run

    run(stack, config_file, email, role, name, as_json=as_json)


@members.command(cls=Changing)
def unlock(stack: Stack = "local", config_file: ConfigFile = None, as_json: AsJson = False) -> None:
    """Let people sign up, until `members lock`; every run says that the door is open."""
    from ops.members.command import unlock as run

    run(stack, config_file, as_json=as_json)


@members.command(cls=Changing)
def lock(stack: Stack = "local", config_file: ConfigFile = None, as_json: AsJson = False) -> None:
    """Let nobody sign up any more, invited people included."""
    from ops.members.command import lock as run

    run(stack, config_file, as_json=as_json)
