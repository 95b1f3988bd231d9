"""Operator commands of the stack: `python -m ops <command>`, or `make <command>`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ops.backup.schedule import Scheduler
from ops.members.role import Role
from ops.refused import COMMANDS, refuse_command, refuse_options
from ops.session import OpsError

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
members = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
cli.add_typer(members, name="members")

Stack = Annotated[str, typer.Option("--stack", "-s", envvar="STACK", help="Stack to work on.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config-file", envvar="CONFIG_FILE", help="Settings of the stack; default Pulumi.<stack>.yaml."),
]
ENGINE_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Options of the engine reach `ops.refused`, which says why they are not offered."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@cli.command(context_settings=ENGINE_OPTIONS)
def up(context: typer.Context, stack: Stack = "local", config_file: ConfigFile = None) -> None:
    """Put the stack up, each phase proven before the next, and prove it end to end."""
    from ops.lifecycle import up as run

    refuse_options(context.args)
    run(stack, config_file)


@cli.command(context_settings=ENGINE_OPTIONS)
def preview(
    context: typer.Context, stack: Stack = "local", config_file: ConfigFile = None, as_json: AsJson = False
) -> None:
    """Show what `up` would do, with policy pack and plan gate enforced. Changes nothing."""
    from ops.lifecycle import preview as run

    refuse_options(context.args)
    run(stack, config_file, json=as_json)


@cli.command(context_settings=ENGINE_OPTIONS)
def down(context: typer.Context, stack: Stack = "local", config_file: ConfigFile = None) -> None:
    """Remove the containers. Every volume, bucket, schema and secret stays; `up` finds all data again."""
    from ops.lifecycle import down as run

    refuse_options(context.args)
    run(stack, config_file)


@cli.command("clickhouse-reset")
def clickhouse_reset(stack: Stack = "local", config_file: ConfigFile = None) -> None:
    """Empty the local ClickHouse after a verified copy of its volume; asks to type the volume's name."""
    from ops.reset import reset as run

    run(stack, config_file)


def refused(context: typer.Context) -> None:
    """A command of the engine that is not offered."""
    refuse_command(context.info_name or "")


for _name in COMMANDS:
    cli.command(_name, hidden=True, context_settings=ENGINE_OPTIONS)(refused)


@cli.command()
def smoke(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    deadline: Annotated[float, typer.Option(help="Seconds each hop may take.")] = 30,
) -> None:
    """Call the gateway's smoke model and follow the trace hop by hop; exits 1 at the first broken one."""
    from ops.report import smoke as run

    run(stack, config_file, as_json=as_json, deadline_seconds=deadline)


@cli.command()
def status(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    capacity: Annotated[bool, typer.Option("--capacity", help="Rates, queues, disks, memory, with forecasts.")] = False,
) -> None:
    """Show each service's image, health, address and age; exits 1 unless all are healthy.

    With --capacity: exits 0 when all is enough, 1 when something calls for a change, 2 when some was not seen.
    """
    if capacity:
        from ops.capacity.command import capacity as measure

        measure(stack, config_file, as_json=as_json)
        return
    from ops.report import status as run

    run(stack, config_file, as_json=as_json)


@cli.command()
def doctor(
    log: Annotated[str | None, typer.Argument(help="A log to explain instead, `-` for standard input.")] = None,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="Show healthy rows and environments too.")] = False,
) -> None:
    """Look for every known trouble at once, or explain a log; exits 0 healthy, 1 findings, 2 could not look."""
    from ops.doctor import command

    if log is None:
        command.live(stack, config_file, as_json=as_json, everything=everything)
    else:
        command.log(log, as_json=as_json)


@cli.command()
def images(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Look again for newer official images.")] = False,
) -> None:
    """Find, pull or build the image of every service, and show where each came from."""
    from ops.report import images as run

    run(stack, config_file, as_json=as_json, refresh=refresh)


@cli.command()
def env(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    file: Annotated[Path, typer.Option("--file", "-f", help="Where to write it (0600).")] = Path(".env"),
) -> None:
    """Write the .env of the application behind the gateway: its addresses and keys."""
    from ops.env import write_env

    write_env(stack, config_file, file)


@cli.command()
def inventory(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when something is new.")] = False,
) -> None:
    """Add the data that the program declares to the stack's inventory. Never removes or changes an entry.

    Exits 1 when the program lost or changed something that is listed.
    """
    from ops.inventory import inventory as run

    run(stack, config_file, as_json=as_json, check=check)


@cli.command()
def rollback(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    undo: Annotated[bool, typer.Option("--undo", help="Switch Langfuse back on.")] = False,
    note: Annotated[str, typer.Option(help="Why, for the decision log.")] = "",
) -> None:
    """Take Langfuse out of the gateway and redeploy it; no secret, volume or database is removed."""
    from ops.rollback import rollback as run

    run(stack, config_file, undo=undo, note=note)


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


@cli.command()
def stop(
    service: Annotated[str, typer.Argument(help="clickhouse, minio, langfuse-web, …")],
    stack: Stack = "local",
    config_file: ConfigFile = None,
) -> None:
    """Stop one service; its data, image and settings stay."""
    from ops.power import stop as run

    run(stack, config_file, service)


@cli.command()
def start(
    service: Annotated[str, typer.Argument(help="clickhouse, minio, langfuse-web, …")],
    stack: Stack = "local",
    config_file: ConfigFile = None,
) -> None:
    """Start a stopped service and wait until it is well."""
    from ops.power import start as run

    run(stack, config_file, service)


@cli.command()
def incident(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    note: Annotated[str, typer.Option(help="What happened, for the record.")] = "",
) -> None:
    """Gather logs, states, versions and settings into a bundle without secrets, and record the incident."""
    from ops.incident import incident as run

    run(stack, config_file, note=note)


@cli.command()
def evidence(
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="List all actions, not only the last ones.")] = False,
) -> None:
    """List what was done and verify its evidence; exits 1 when something was altered or is missing."""
    from ops.audit import audit as run

    run(as_json=as_json, everything=everything)


@cli.command()
def migrations(
    image: Annotated[
        str | None, typer.Argument(help="Image reference or id; default is the stack's Langfuse web image.")
    ] = None,
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Read the SQL from here, laid out as packages/shared in the image.")
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Judge as against empty databases.")] = False,
) -> None:
    """Judge the migrations an image ships against the stack's data; exits 1 when one would take data away."""
    from ops.migrations import migrations as run

    run(image, folder, stack, config_file, empty=empty, as_json=as_json)


@cli.command()
def backup(
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    incremental: Annotated[bool, typer.Option("--incremental", help="Only what the newest backup lacks.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Show which backups there are.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="See whether a backup is as it was written.")] = False,
    read_data: Annotated[bool, typer.Option("--read-data", help="With --verify: read every byte.")] = False,
    name: Annotated[str | None, typer.Option("--backup", help="With --verify: which; default the newest.")] = None,
    schedule: Annotated[Scheduler | None, typer.Option(help="Print the files of a nightly backup.")] = None,
    folder: Annotated[Path | None, typer.Option(help="With --schedule: write them there instead.")] = None,
) -> None:
    """Back up ClickHouse and Postgres, list the buckets, and write a manifest of it all into the bucket of backups.

    Nothing is ever removed: the key it works with cannot. Exits 1 when a backup is not as it was written.
    """
    from ops.backup import commands

    if show + verify + incremental + (schedule is not None) > 1:
        raise OpsError("--incremental, --list, --verify and --schedule do not go together: give one")
    if (read_data or name) and not verify:
        raise OpsError("--read-data and --backup go with --verify")
    if schedule:
        commands.schedule(stack, config_file, schedule, folder)
    elif show:
        commands.listed(stack, config_file, as_json=as_json)
    elif verify:
        commands.verify(stack, config_file, backup=name, read_data=read_data, as_json=as_json)
    else:
        commands.backup(stack, config_file, incremental=incremental, as_json=as_json)


@cli.command()
def restore(
    into: Annotated[str, typer.Option("--into", help="New name: of a ClickHouse database and a Postgres schema.")],
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    name: Annotated[str | None, typer.Option("--backup", help="Which; default the newest.")] = None,
) -> None:
    """Restore a backup beside what runs, under a new name, and compare every table; exits 1 when one differs."""
    from ops.backup.commands import restore as run

    run(stack, config_file, into=into, backup=name, as_json=as_json)


@cli.command()
def rehearse(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    name: Annotated[str | None, typer.Option("--backup", help="Which; default the newest.")] = None,
) -> None:
    """Restore a backup into throw-away servers, compare every table, and say how old it is and how long it took."""
    from ops.backup.commands import rehearse as run

    run(stack, config_file, backup=name, as_json=as_json)


@cli.command()
def retention(
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    days: Annotated[int, typer.Option(min=1, help="Days that would be kept.")] = 90,
    apply: Annotated[
        bool, typer.Option("--apply", help="Refused, with the reason: nothing here takes data away.")
    ] = False,
) -> None:
    """Count what is older than so many days, by table and month and by bucket and prefix. A dry run, always."""
    from ops.retention.command import retention as run

    run(stack, config_file, days=days, apply=apply, as_json=as_json)


@cli.command()
def upgrade(
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    to: Annotated[str | None, typer.Option(help="Version to go to; default what the settings ask for.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Take the step that the settings ask for.")] = False,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="With --apply: prove the backup before it.")] = False,
) -> None:
    """Show the next legal step of an upgrade, or take it between a checkpoint and a proof that nothing is missing.

    Exits 0 when there is nothing to do or the step is legal, 1 when it is refused, 2 when it could not look.
    """
    from ops.upgrade.command import upgrade as run

    if rehearse and not apply:
        raise OpsError("--rehearse goes with --apply")
    run(stack, config_file, to=to, apply=apply, rehearse=rehearse, as_json=as_json)


def main() -> None:
    """Run the command line; failures that the operator can act on are messages, not tracebacks."""
    from evidence import EvidenceError
    from ops.stackfile import StackFileError
    from settings import SettingsError
    from toolchain.report import ToolchainError

    try:
        cli()
    except (OpsError, EvidenceError, StackFileError, ToolchainError, SettingsError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command finishes what was begun")


if __name__ == "__main__":
    main()
