"""Commands that change what runs."""

from typing import Annotated

import typer

from ops.commands.app import ENGINE_OPTIONS, AsJson, Changing, ConfigFile, Stack, cli
from ops.refused import COMMANDS, refuse_command, refuse_options

ExpectNoChanges = Annotated[
    bool, typer.Option("--expect-no-changes", help="Refuse, and exit 1, where there is anything to change.")
]


@cli.command(cls=Changing, context_settings=ENGINE_OPTIONS)
def up(
    context: typer.Context,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    expect_no_changes: ExpectNoChanges = False,
) -> None:
    """Put the stack up, each phase proven before the next, and prove it end to end."""
    from ops.lifecycle import up as run

    refuse_options(context.args)
    run(stack, config_file, as_json=as_json, expect_no_changes=expect_no_changes)


@cli.command(cls=Changing, context_settings=ENGINE_OPTIONS)
def preview(
    context: typer.Context,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    expect_no_changes: ExpectNoChanges = False,
) -> None:
    """Show what `up` would do, with policy pack and plan gate enforced. Changes nothing.

    Exits 1 when they refuse it, or there is no plan to read.
    """
    from ops.lifecycle import preview as run

    refuse_options(context.args)
    run(stack, config_file, as_json=as_json, expect_no_changes=expect_no_changes)


@cli.command(cls=Changing, context_settings=ENGINE_OPTIONS)
def down(
    context: typer.Context, stack: Stack = "local", config_file: ConfigFile = None, as_json: AsJson = False
) -> None:
    """Remove the containers. Every volume, bucket, schema and secret stays; `up` finds all data again."""
    from ops.lifecycle import down as run

    refuse_options(context.args)
    run(stack, config_file, as_json=as_json)


@cli.command(cls=Changing)
def new(
    *,
    stack: Annotated[str, typer.Option("--stack", "-s", envvar="STACK", help="Name of the stack to make.")],
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    disposable: Annotated[
        bool, typer.Option("--disposable", help="`make destroy` may remove the stack with its data.")
    ] = False,
) -> None:
    """Write the settings file and the inventory of another stack on this machine, with free ports of its own."""
    from ops.new import new as run

    run(stack, config_file, disposable=disposable, as_json=as_json)


@cli.command(cls=Changing)
def stop(
    service: Annotated[str, typer.Argument(help="clickhouse, minio, langfuse-web, …")],
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Stop one service; its data, image and settings stay."""
    from ops.power import stop as run

    run(stack, config_file, service, as_json=as_json)


@cli.command(cls=Changing)
def start(
    service: Annotated[str, typer.Argument(help="clickhouse, minio, langfuse-web, …")],
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Start a stopped service and wait until it is well."""
    from ops.power import start as run

    run(stack, config_file, service, as_json=as_json)


@cli.command(cls=Changing)
def rollback(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    undo: Annotated[bool, typer.Option("--undo", help="Switch Langfuse back on.")] = False,
    note: Annotated[str, typer.Option(help="Why, for the decision log.")] = "",
) -> None:
    """Take Langfuse out of the gateway and redeploy it; no secret, volume or database is removed."""
    from ops.rollback import rollback as run

    run(stack, config_file, undo=undo, note=note, as_json=as_json)


@cli.command("clickhouse-reset", cls=Changing)
def clickhouse_reset(stack: Stack = "local", config_file: ConfigFile = None, as_json: AsJson = False) -> None:
    """Empty the local ClickHouse after a verified copy of its volume; asks to type the volume's name."""
    from ops.reset import reset as run

    run(stack, config_file, as_json=as_json)


@cli.command(cls=Changing, context_settings=ENGINE_OPTIONS)
def destroy(
    context: typer.Context, stack: Stack = "local", config_file: ConfigFile = None, as_json: AsJson = False
) -> None:
    """Remove a disposable stack with its data, by its typed name; every other stack is refused."""
    from ops.destroy import destroy as run

    run(stack, config_file, context.args, as_json=as_json)


def refused(context: typer.Context) -> None:
    """A command of the engine that is not offered."""
    refuse_command(context.info_name or "")


for _name in COMMANDS.keys() - {"destroy"}:
    cli.command(_name, cls=Changing, hidden=True, context_settings=ENGINE_OPTIONS)(refused)
