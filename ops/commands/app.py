"""The command line, what every command is, and the options that most have."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ops.answer import answer
from ops.failure import COULD_NOT_LOOK, FAILED, explained
from ops.session import OpsError

Stack = Annotated[str, typer.Option("--stack", "-s", envvar="STACK", help="Stack to work on.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config-file", envvar="CONFIG_FILE", help="Settings of the stack; default Pulumi.<stack>.yaml."),
]
ENGINE_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Options of the engine reach `ops.refused`, which says why they are not offered."""
JSON = "--json"
AsJson = Annotated[bool, typer.Option(JSON, help="Print one JSON document for a script; all else on standard error.")]


class Told:
    """What every command does with what goes wrong: people get a message, a script the same as its one document."""

    code = FAILED

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See the base class."""
        for_script = JSON in args
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc,no-any-return]
        except Exception as error:
            _tell(error, as_json=for_script)
            raise

    def invoke(self, ctx: Any) -> Any:
        """See the base class."""
        as_json = JSON in ctx.args or any(above.params.get("as_json") for above in (ctx, ctx.parent) if above)
        try:
            with explained(self.code, as_json=as_json, stack=ctx.params.get("stack") or "local"):
                refuse_options_before(ctx)
                return super().invoke(ctx)  # type: ignore[misc]
        except Exception as error:
            _tell(error, as_json=as_json and ctx.invoked_subcommand is None)
            raise


def _tell(error: Exception, *, as_json: bool) -> None:
    """Tell a script of a call that is not understood, or of an error that nobody expected.

    The latter may quote anything, so only its kind is told.
    """
    if as_json and not isinstance(error, typer.Exit):
        unexpected = f"unexpected {type(error).__name__}: standard error has the traceback"
        answer({"error": error.format_message() if hasattr(error, "format_message") else unexpected})


class Changing(Told, TyperCommand):
    """A command that changes something: it exits 1 when it is refused or fails."""


class Looking(Told, TyperCommand):
    """A command that only looks: it exits 1 when it finds something, and 2 when it cannot look."""

    code = COULD_NOT_LOOK


class Group(Told, TyperGroup):
    """All commands."""


class LookingGroup(Told, TyperGroup):
    """A command that only looks and has others below it."""

    code = COULD_NOT_LOOK


def refuse_options_before(ctx: Any) -> None:
    """Refuse options of a command before the name of one below it, where the latter would not heed them.

    Raises:
        OpsError: there is one.
    """
    given = [
        parameter.opts[0]
        for parameter in (ctx.parent.command.params if ctx.parent else ())
        if (source := ctx.parent.get_parameter_source(parameter.name)) and source.name == "COMMANDLINE"
    ]
    if given:
        raise OpsError(f"{given[0]} is not heeded before `{ctx.info_name}`: put it behind")


cli = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Operator commands of the stack: `python -m ops <command>`, or `make <command>`.",
)
