"""The command line, and the options that most commands have."""

from pathlib import Path
from typing import Annotated

import typer

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Operator commands of the stack: `python -m ops <command>`, or `make <command>`.",
)

Stack = Annotated[str, typer.Option("--stack", "-s", envvar="STACK", help="Stack to work on.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config-file", envvar="CONFIG_FILE", help="Settings of the stack; default Pulumi.<stack>.yaml."),
]
ENGINE_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Options of the engine reach `ops.refused`, which says why they are not offered."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
