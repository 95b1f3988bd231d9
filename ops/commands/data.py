"""Commands about what is kept."""

from pathlib import Path
from typing import Annotated

import typer

from ops.backup.schedule import Scheduler
from ops.commands.app import AsJson, Changing, ConfigFile, Looking, Stack, cli
from ops.failure import COULD_NOT_LOOK, FAILED, explained
from ops.session import OpsError


@cli.command(cls=Changing)
def inventory(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when something is new.")] = False,
) -> None:
    """Add the data that the program declares to the stack's inventory. Never removes or changes an entry.

    Exits 1 when the program lost or changed something that is listed, and with --check 2 when it could not look.
    """
    from ops.inventory import inventory as run

    with explained(COULD_NOT_LOOK if check else FAILED, as_json=as_json):
        run(stack, config_file, as_json=as_json, check=check)


@cli.command(cls=Looking)
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
    """Judge the migrations an image ships against the stack's data; exits 1 when one would take data away.

    Exits 2 when the migrations or the data cannot be looked at.
    """
    from ops.migrations import migrations as run

    run(image, folder, stack, config_file, empty=empty, as_json=as_json)


@cli.command(cls=Changing)
def adopt(
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    apply: Annotated[bool, typer.Option("--apply", help="Mark them; without, show which.")] = False,
) -> None:
    """Mark apps that exist already, and that no stack has marked, as this stack's. Nothing in them is changed.

    The vault must have STACK_ID, and the SALT and ENCRYPTION_KEY that their data was written with.
    """
    from ops.adopt import adopt as run

    run(stack, config_file, apply=apply, as_json=as_json)


@cli.command("migrate-state", cls=Changing)
def migrate_state(
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    source: Annotated[
        Path | None, typer.Option("--from", help="State folder of a former version; default is the one in use.")
    ] = None,
) -> None:
    """Take over a stack of a former version: what was kept beside its state, and the state, if it lives elsewhere now.

    With PULUMI_BACKEND_URL set to a bucket or to Pulumi Cloud, the state moves there. The folder is left as it is.
    """
    from ops.migrate_state import migrate as run

    run(stack, config_file, source=source, as_json=as_json)


@cli.command(cls=Changing)
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

    Nothing is ever removed: the key it works with cannot. Exits 1 when it is not made, or one is not as it was written;
    --list and --verify exit 2 when they cannot look.
    """
    from ops.backup import commands

    with explained(COULD_NOT_LOOK, as_json=as_json):
        _require_one_way(
            [show, verify, incremental, schedule is not None], verifies=verify, of_verify=read_data or name is not None
        )
    if schedule:
        commands.schedule(stack, config_file, schedule, folder, as_json=as_json)
    elif show:
        with explained(COULD_NOT_LOOK, as_json=as_json):
            commands.listed(stack, config_file, as_json=as_json)
    elif verify:
        with explained(COULD_NOT_LOOK, as_json=as_json):
            commands.verify(stack, config_file, backup=name, read_data=read_data, as_json=as_json)
    else:
        commands.backup(stack, config_file, incremental=incremental, as_json=as_json)


def _require_one_way(ways: list[bool], *, verifies: bool, of_verify: bool) -> None:
    if sum(ways) > 1:
        raise OpsError("--incremental, --list, --verify and --schedule do not go together: give one")
    if of_verify and not verifies:
        raise OpsError("--read-data and --backup go with --verify")


@cli.command(cls=Changing)
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


@cli.command(cls=Changing)
def rehearse(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    name: Annotated[str | None, typer.Option("--backup", help="Which; default the newest.")] = None,
) -> None:
    """Restore a backup into throw-away servers, compare every table, run Langfuse on it, and report RPO and RTO."""
    from ops.backup.commands import rehearse as run

    run(stack, config_file, backup=name, as_json=as_json)


@cli.command(cls=Looking)
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
    """Count what is older than so many days, by table and month and by bucket and prefix. A dry run, always.

    Exits 1 with --apply, which is refused, and 2 when it could not look.
    """
    from ops.retention.command import retention as run

    run(stack, config_file, days=days, apply=apply, as_json=as_json)


@cli.command(cls=Changing)
def undelete(
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    apply: Annotated[bool, typer.Option("--apply", help="Bring them back; nothing is removed.")] = False,
) -> None:
    """Show raw events that a refused deletion marked as deleted although their rows are there, or bring them back.

    A copy of the version below each delete marker becomes the newest one, and a newer row says so in the log of files.
    Exits 1 when it fails, and without --apply 2 when it could not look.
    """
    from ops.undelete.command import undelete as run

    with explained(FAILED if apply else COULD_NOT_LOOK, as_json=as_json):
        run(stack, config_file, apply=apply, as_json=as_json)


@cli.command(cls=Changing)
def replay(
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    start: Annotated[
        str | None, typer.Option("--from", help="Start: 2026-11-30T09:00 (UTC), or 90m, 6h, 2d ago.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="End, as --from; default is 3 minutes ago.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Jobs that failed for good, instead of a window.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Queue them again; nothing is removed.")] = False,
) -> None:
    """Show raw events of a time whose rows ClickHouse lacks, or put them back into Langfuse's own queues.

    A worker gives rows up that ClickHouse refuses for some seconds; a killed one loses its last second. The raw event
    is still in the bucket. A row that is there already is replaced by itself, so that none is there twice.

    What was deleted through Langfuse stays deleted: open and done deletions of traces, marks of the worker, deleted
    projects, days of retention. It cannot tell a row that an operator deleted in ClickHouse from a lost one, nor a raw
    event that Langfuse itself refused: such a one is missing again afterwards, and the worker's log says why. What
    was never a raw event (scores and edits made in the browser) cannot come back.

    With --failed: jobs that failed for good, of all queues but those of deletions, which Langfuse retries itself.
    Exits 1 when it fails, and without --apply 2 when it could not look.
    """
    from ops.replay import command

    with explained(FAILED if apply else COULD_NOT_LOOK, as_json=as_json):
        if failed:
            if start or end:
                raise OpsError("--failed takes every failed job: leave --from and --to out")
            command.retry(stack, config_file, apply=apply, as_json=as_json)
        elif start is None:
            raise OpsError("give --from, for example `--from 6h`, or --failed")
        else:
            command.replay(stack, config_file, start=start, end=end, apply=apply, as_json=as_json)


@cli.command(cls=Changing)
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

    with explained(COULD_NOT_LOOK, as_json=as_json):
        if rehearse and not apply:
            raise OpsError("--rehearse goes with --apply")
    run(stack, config_file, to=to, apply=apply, rehearse=rehearse, as_json=as_json)
