"""Commands that look and tell."""

from pathlib import Path
from typing import Annotated

import typer

from ops.commands.app import AsJson, Changing, ConfigFile, Looking, Stack, cli


@cli.command(cls=Looking)
def status(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    capacity: Annotated[bool, typer.Option("--capacity", help="Rates, queues, disks, memory, with forecasts.")] = False,
) -> None:
    """Show each service's image, health, address and age; exits 1 unless all are healthy, 2 when it could not look.

    With --capacity: exits 0 when all is enough, 1 when something calls for a change, 2 when some was not seen.
    """
    if capacity:
        from ops.capacity.command import capacity as measure

        measure(stack, config_file, as_json=as_json)
        return
    from ops.report import status as run

    run(stack, config_file, as_json=as_json)


@cli.command(cls=Looking)
def smoke(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    deadline: Annotated[float, typer.Option(help="Seconds each hop may take.")] = 30,
) -> None:
    """Call the gateway's smoke model and follow the trace hop by hop; exits 1 at the first broken one.

    Exits 2 when there is nothing to call.
    """
    from ops.report import smoke as run

    run(stack, config_file, as_json=as_json, deadline_seconds=deadline)


@cli.command(cls=Looking)
def doctor(
    log: Annotated[str | None, typer.Argument(help="A log to explain instead, `-` for standard input.")] = None,
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="Show healthy rows and environments too.")] = False,
    models: Annotated[bool, typer.Option("--models", help="Call each model of the gateway too: costs a call.")] = False,
) -> None:
    """Look for every known trouble at once, or explain a log; exits 0 healthy, 1 findings, 2 could not look."""
    from ops.doctor import command

    if log is None:
        command.live(stack, config_file, as_json=as_json, everything=everything, models_too=models)
    else:
        command.log(log, stack, config_file, as_json=as_json)


@cli.command(cls=Looking)
def watch(
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    every: Annotated[float, typer.Option(min=10, help="Seconds from one look to the next.")] = 60,
    webhook: Annotated[
        str | None,
        typer.Option(envvar="LANGFUSE_STACK_WEBHOOK", help="Where alerts are posted; default monitoring:webhookUrl."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once and exit.")] = False,
) -> None:
    """Look for what calls for a person, post what is new and what is over; feeds the stack's Prometheus.

    With --once: exits 0 when nothing fires, 1 when something does, 2 when something could not be looked at or told.
    """
    from ops.watch.command import watch as run

    run(stack, config_file, every=every, webhook=webhook, once=once, as_json=as_json)


@cli.command(cls=Changing)
def images(
    *,
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Look again for newer official images.")] = False,
    lock: Annotated[bool, typer.Option("--lock", help="Write them into the stack's lock file.")] = False,
) -> None:
    """Find, pull or build the image of every service, and show where each came from.

    What images.<stack>.lock.yaml has a digest of is got by that digest; --refresh looks at the references again.
    """
    from ops.report import images as run

    run(stack, config_file, as_json=as_json, refresh=refresh, lock=lock)


@cli.command(cls=Changing)
def env(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    file: Annotated[Path, typer.Option("--file", "-f", help="Where to write it (0600).")] = Path(".env"),
) -> None:
    """Write the .env of the application behind the gateway: its addresses and keys."""
    from ops.env import write_env

    write_env(stack, config_file, file, as_json=as_json)


@cli.command(cls=Changing)
def incident(
    stack: Stack = "local",
    config_file: ConfigFile = None,
    as_json: AsJson = False,
    note: Annotated[str, typer.Option(help="What happened, for the record.")] = "",
) -> None:
    """Gather logs, states, versions and settings into a bundle without secrets, and record the incident."""
    from ops.incident import incident as run

    run(stack, config_file, note=note, as_json=as_json)


@cli.command(cls=Looking)
def evidence(
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="List all actions, not only the last ones.")] = False,
) -> None:
    """List what was done and verify its evidence; exits 1 when something was altered or is missing.

    Exits 2 when the decision log cannot be read.
    """
    from ops.audit import audit as run

    run(as_json=as_json, everything=everything)
